"""reorder: permute perfectly nested loops."""

from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import For, IfThen, LoopFunc, LoopKind, Stmt
from compiler.schedule.locate import find_loop, loop_names, replace
from compiler.schedule.step import register_step
from compiler.te import Expr


@register_step
@dataclass(frozen=True, slots=True)
class Reorder:
    """Put loops of one perfect nest into the given order, outermost first; loops of the nest that are not named keep their places.

    for i in range(0, 3):               for j in range(0, 4):
        for j in range(0, 4):    ->         for i in range(0, 3):
            a[i, j] = 0                         a[i, j] = 0
    """

    kind: ClassVar[str] = "reorder"
    loops: tuple[str, ...]

    def apply(self, func: LoopFunc) -> LoopFunc:
        if len(set(self.loops)) != len(self.loops):
            raise ScheduleError(f"reorder names a loop twice: {self.loops}")
        wanted = set(self.loops)
        loops = {name: find_loop(func, name) for name in self.loops}
        outermost = next((loop for loop in loops.values() if wanted <= set(loop_names(loop))), None)
        if outermost is None:
            raise ScheduleError(f"reorder: {', '.join(self.loops)} are not in one nest")
        chain: list[For] = []
        guards: list[Expr] = []
        stmt: Stmt = outermost
        while wanted:
            if isinstance(stmt, For):
                if stmt.name in wanted and stmt.kind is not LoopKind.SERIAL:
                    raise ScheduleError(f"reorder: {stmt.name!r} is {stmt.kind.value} already")
                wanted.discard(stmt.name)
                chain.append(stmt)
            elif isinstance(stmt, IfThen):
                guards.append(stmt.condition)
            else:
                raise ScheduleError(f"reorder: something stands between the loops {', '.join(self.loops)}")
            stmt = stmt.body
        order = iter(self.loops)
        nest = [loops[next(order)] if loop.name in loops else loop for loop in chain]
        for guard in reversed(guards):
            stmt = IfThen(guard, stmt)
        for loop in reversed(nest):
            stmt = For(loop.name, loop.extent, stmt, loop.kind, loop.reduce, loop.start)
        return LoopFunc(func.name, func.params, replace(func.body, outermost, stmt))
