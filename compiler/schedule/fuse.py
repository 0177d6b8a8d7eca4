"""fuse: perfectly nested loops become one."""

from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import For, IfThen, LoopFunc, LoopKind, Stmt, map_statement, simplify, substitute_stmt
from compiler.schedule.locate import find_loop, loop_names, loop_ranges, replace
from compiler.schedule.step import register_step
from compiler.te import Expr, Var, binary


@register_step
@dataclass(frozen=True, slots=True)
class Fuse:
    """Fuse directly nested serial loops, outermost first, into one called `name`.

    for i in range(0, 3):               for f in range(0, 12):
        for j in range(0, 4):    ->         a[f // 4, f % 4] = 0
            a[i, j] = 0
    """

    kind: ClassVar[str] = "fuse"
    loops: tuple[str, ...]
    name: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        if len(self.loops) < 2 or self.name in loop_names(func.body):
            raise ScheduleError(f"fuse of {self.loops} into {self.name!r}: two or more loops and a fresh name are needed")
        outermost = find_loop(func, self.loops[0])
        chain: list[For] = []
        guards: list[Expr] = []
        stmt: Stmt = outermost
        for position, name in enumerate(self.loops):
            while isinstance(stmt, IfThen) and position:
                guards.append(stmt.condition)
                stmt = stmt.body
            if not isinstance(stmt, For) or stmt.name != name:
                raise ScheduleError(f"fuse: {name!r} is not directly inside {self.loops[position - 1]!r}")
            if stmt.kind is not LoopKind.SERIAL or stmt.start != 0 or stmt.reduce != outermost.reduce:
                raise ScheduleError(f"fuse: {name!r} is annotated already, or mixes reduction and data loops")
            chain.append(stmt)
            stmt = stmt.body
        fused = Var(self.name)
        values: dict[str, Expr] = {}
        inner = 1
        for loop in reversed(chain):
            quotient = binary("floordiv", fused, inner)
            values[loop.name] = quotient if loop is chain[0] else binary("mod", quotient, loop.extent)
            inner *= loop.extent
        for guard in reversed(guards):
            stmt = IfThen(guard, stmt)
        ranges = {**loop_ranges(func.body), self.name: (0, inner - 1)}
        body = map_statement(substitute_stmt(stmt, values), lambda _: None, lambda expr: simplify(expr, ranges))
        return LoopFunc(func.name, func.params, replace(func.body, outermost, For(self.name, inner, body, reduce=outermost.reduce)))
