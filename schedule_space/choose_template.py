"""Which loop structure fits a workload; an operator can have a template of its own."""

from collections.abc import Callable

from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from schedule_space.elementwise import Elementwise
from schedule_space.reduction_nest import ReductionNest
from schedule_space.space import ScheduleSpace, Template
from schedule_space.staged import Staged
from schedule_space.structure import Structure, structure_of
from schedule_space.tiled_reduction import TiledReduction
from schedule_space.winograd import Winograd

TemplateFactory = Callable[[Structure, Target, int], Template]

OVERRIDES: dict[str, TemplateFactory] = {"winograd_conv2d": Winograd}


def override_template(op: str) -> Callable[[TemplateFactory], TemplateFactory]:
    """Decorator: workloads anchored by `op` get their template from this factory instead of the choice by loop structure."""

    def register(factory: TemplateFactory) -> TemplateFactory:
        if op in OVERRIDES:
            raise ValueError(f"operator {op!r} has a template already")
        OVERRIDES[op] = factory
        return factory

    return register


def choose_template(structure: Structure, target: Target, threads: int) -> Template:
    """By loop structure: no reduction, one reduction whose output has a vector axis, anything else."""
    anchor_op = structure.workload.ops[structure.workload.anchor].op
    if anchor_op in OVERRIDES:
        return OVERRIDES[anchor_op](structure, target, threads)
    if not structure.reductions and len(structure.output_names) == 1:
        return Elementwise(structure, target, threads)
    if len(structure.reductions) == 1:
        nest = ReductionNest(structure, structure.reductions[0], target)
        if len(nest.axes) > 1 and nest.axes[-1].extent > 1:
            return TiledReduction(nest, threads)
    return Staged(structure, target, threads)


def space_for(workload: Workload, target: Target, threads: int) -> ScheduleSpace:
    """The space of a workload; `threads` is how many will run the kernel."""
    return ScheduleSpace(workload, target, threads, choose_template(structure_of(workload), target, threads))


def default_schedule(workload: Workload, target: Target, threads: int) -> Schedule:
    """The schedule to use where nothing has been measured."""
    space = space_for(workload, target, threads)
    return space.schedule(space.default())
