"""cache_write: compute a stage into a buffer of its own, and copy from there."""

from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, Stmt, Store, Update, seq, substitute_stmt
from compiler.schedule.definition import stage_definition
from compiler.schedule.locate import find_stage, replace, written
from compiler.schedule.step import register_step
from compiler.te import Buffer, Expr, Load, Var, substitute


@register_step
@dataclass(frozen=True, slots=True)
class CacheWrite:
    """The stage's computation moves to the new stage `name`; the old one copies it (moved by compute_at, it is an accumulator tile).

    for i, k: c[i] += a[i, k]          ->      for i, k: c.acc[i] += a[i, k]
                                               for i: c[i] = c.acc[i]
    """

    kind: ClassVar[str] = "cache_write"
    stage: str
    name: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        if self.name in written(func.body):
            raise ScheduleError(f"cache_write: {self.name!r} is taken")
        nest = find_stage(func.body, self.stage)
        definition = stage_definition(nest, self.stage)
        old = definition.statement.buffer
        buffer = Buffer(self.name, old.shape, old.dtype)
        loops = (*definition.loops, *definition.reduce_loops)
        renamed: dict[str, Expr] = {loop.name: Var(self._rename(loop.name)) for loop in loops}
        inside = substitute_stmt(definition.statement, renamed)
        if isinstance(inside, Update):
            inside = Update(buffer, inside.indices, inside.combiner, inside.value)
        elif isinstance(inside, Store):
            inside = Store(buffer, inside.indices, inside.value)
        for guard in reversed(definition.guards):
            inside = IfThen(substitute(guard, renamed), inside)
        for loop in reversed(loops):
            inside = For(self._rename(loop.name), loop.extent, inside, reduce=loop.reduce)
        indices = tuple(loop.var for loop in definition.loops)
        copy: Stmt = Store(old, indices, Load(buffer, indices))
        for loop in reversed(definition.loops):
            copy = For(loop.name, loop.extent, copy)
        return LoopFunc(func.name, func.params, Allocate(buffer, replace(func.body, nest, seq(inside, copy))))

    def _rename(self, loop: str) -> str:
        return f"{self.name}.{loop.removeprefix(f'{self.stage}.')}"
