"""compute_inline: a stage disappears into its consumers."""

from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import LoopFunc, Seq, Store, map_statement
from compiler.schedule.definition import stage_definition
from compiler.schedule.locate import find_stage, load_mapper, remove_allocation, replace
from compiler.schedule.step import register_step
from compiler.te import Expr, Load, substitute


@register_step
@dataclass(frozen=True, slots=True)
class ComputeInline:
    """Replace every load of a stage that is no reduction by its definition; the stage and its storage are gone.

    for i in range(0, 4):
        b[i] = a[i] + 1          ->     for j in range(0, 4):
    for j in range(0, 4):                   c[j] = (a[j] + 1) * 2
        c[j] = b[j] * 2
    """

    kind: ClassVar[str] = "compute_inline"
    stage: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        nest = find_stage(func.body, self.stage)
        definition = stage_definition(nest, self.stage)
        if definition.guards or not isinstance(definition.statement, Store):
            raise ScheduleError(f"{self.stage!r} is a reduction: it cannot be inlined")
        value = definition.statement.value
        names = [loop.name for loop in definition.loops]

        def expand(load: Load) -> Expr:
            return substitute(value, dict(zip(names, load.indices, strict=True)))

        body = remove_allocation(replace(func.body, nest, Seq(())), self.stage)
        body = map_statement(body, lambda _: None, load_mapper(self.stage, expand))
        return LoopFunc(func.name, func.params, body)
