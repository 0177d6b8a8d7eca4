"""split: one loop becomes a nest of several."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import For, IfThen, LoopFunc, LoopKind, Stmt, simplify, substitute_stmt
from compiler.schedule.locate import rewrite_loop
from compiler.schedule.step import register_step
from compiler.te import Binary, Const, Expr, Var, binary


@register_step
@dataclass(frozen=True, slots=True)
class Split:
    """Split a loop; `factors` are the extents of the inner loops, outermost first, and the outer one takes what is left.

    The new loops are called `{loop}.0`, `{loop}.1`, ...; where the product does not divide the extent a guard is added, which lowering
    turns into a peeled tail.

        for i in range(0, 10):              for i.0 in range(0, 3):
            a[i] = 0                            for i.1 in range(0, 4):
                                 ->                 if i.0*4 + i.1 < 10:
                                                        a[i.0*4 + i.1] = 0
    """

    kind: ClassVar[str] = "split"
    loop: str
    factors: tuple[int, ...]

    def apply(self, func: LoopFunc) -> LoopFunc:
        if not self.factors or any(factor < 1 for factor in self.factors):
            raise ScheduleError(f"split of {self.loop!r} by {self.factors}: every factor must be at least 1")

        def rule(loop: For) -> Stmt:
            if loop.kind is not LoopKind.SERIAL or loop.start != 0:
                raise ScheduleError(f"{self.loop!r} is {loop.kind.value}: split a loop before it is annotated")
            inner = prod(self.factors)
            extents = (-(-loop.extent // inner), *self.factors)
            value: Expr = Const(0)
            for position, extent in enumerate(extents):
                value = binary("add", binary("mul", value, extent), Var(f"{loop.name}.{position}"))
            value = simplify(value, {})
            body = substitute_stmt(loop.body, {loop.name: value})
            if loop.extent % inner:
                body = IfThen(Binary("lt", value, Const(loop.extent)), body)
            for position in reversed(range(len(extents))):
                body = For(f"{loop.name}.{position}", extents[position], body, reduce=loop.reduce)
            return body

        return rewrite_loop(func, self.loop, rule)
