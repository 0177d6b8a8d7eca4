"""rfactor: give a reduction several partial results, so that its innermost loop can be a vector."""

from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, Stmt, Update, seq
from compiler.schedule.locate import find_stage, path_to, replace, written
from compiler.schedule.step import register_step
from compiler.te import Buffer, Expr, Load, Var, substitute


@register_step
@dataclass(frozen=True, slots=True)
class RFactor:
    """Turn the reduction loop `loop` of a stage into a data axis (the last one) of the new stage `name`, and reduce that afterwards.

    for i in range(0, 4):                    for i, k.1: for k.0 in range(0, 8):  # reduce
        for k.0 in range(0, 8):                  s.rf[i, k.1] += a[i, k.0*16 + k.1]
            for k.1 in range(0, 16):   ->    for i: for k.1:  # reduce
                s[i] += a[i, k.0*16 + k.1]       s[i] += s.rf[i, k.1]

    Of a stage that stands inside a loop each iteration has partial results of its own, since threads may share the iterations.
    """

    kind: ClassVar[str] = "rfactor"
    stage: str
    loop: str
    name: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        if self.name in written(func.body):
            raise ScheduleError(f"rfactor: {self.name!r} is taken")
        nest = find_stage(func.body, self.stage)
        loops: list[For] = []
        guards: list[Expr] = []
        stmt: Stmt = nest
        while isinstance(stmt, For | IfThen):
            if isinstance(stmt, For):
                loops.append(stmt)
            else:
                guards.append(stmt.condition)
            stmt = stmt.body
        factored = next((loop for loop in loops if loop.name == self.loop and loop.reduce), None)
        if not isinstance(stmt, Update) or factored is None:
            raise ScheduleError(f"rfactor: {self.loop!r} is no reduction loop of the stage {self.stage!r}")
        data = [loop for loop in loops if not loop.reduce]
        if stmt.indices != tuple(loop.var for loop in data):
            raise ScheduleError(f"rfactor: split the data loops of {self.stage!r} after it")
        names = {loop.name: f"{self.name}.{loop.name.removeprefix(f'{self.stage}.')}" for loop in loops}
        variables: dict[str, Expr] = {old: Var(new) for old, new in names.items()}
        inside = any(isinstance(outer, For) for outer in (path_to(func.body, nest) or ())[:-1])
        buffer = Buffer(self.name, (*stmt.buffer.shape, factored.extent), stmt.buffer.dtype, "local" if inside else "global")
        indices = (*(variables[loop.name] for loop in data), variables[factored.name])
        partial: Stmt = Update(buffer, indices, stmt.combiner, substitute(stmt.value, variables))
        for guard in reversed(guards):
            partial = IfThen(substitute(guard, variables), partial)
        for loop in reversed([loop for loop in loops if loop.reduce and loop is not factored]):
            partial = For(names[loop.name], loop.extent, partial, reduce=True)
        for loop in reversed([*data, factored]):
            partial = For(names[loop.name], loop.extent, partial)
        final: Stmt = Update(stmt.buffer, stmt.indices, stmt.combiner, Load(buffer, (*stmt.indices, factored.var)))
        final = For(factored.name, factored.extent, final, reduce=True)
        for loop in reversed(data):
            final = For(loop.name, loop.extent, final)
        both = seq(partial, final)
        if inside:
            return LoopFunc(func.name, func.params, replace(func.body, nest, Allocate(buffer, both)))
        return LoopFunc(func.name, func.params, Allocate(buffer, replace(func.body, nest, both)))
