"""A task: one workload to be tuned, what it weighs in the whole, and the least time that it could take.

In: a workload and its number of uses in the model. Out: `Task`, with its space. Next: `tuner/scheduler.py`.
"""

from dataclasses import dataclass
from math import inf

from compiler.graph import performed_flops, workload_variants
from compiler.target import Target
from compiler.te import Binary, Call, Tensor, walk
from compiler.workload import Workload
from schedule_space import Candidate, ScheduleSpace, space_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """weight: how often one inference runs the kernel. name: for people. The target's cores are the threads of the kernel.

    family: the same for the forms of one workload, of which a model uses the fastest only; a task without is alone.
    seeds: candidates to measure right after the space's default, whatever the search would propose.
    """

    workload: Workload
    target: Target
    space: ScheduleSpace
    weight: float = 1.0
    name: str = ""
    family: str = ""
    seeds: tuple[Candidate, ...] = ()

    def __str__(self) -> str:
        return self.name or str(self.workload)


def make_task(workload: Workload, target: Target, weight: float = 1.0, name: str = "", family: str = "") -> Task:
    """A task over the workload's own space."""
    space = space_for(workload, target, target.cores)
    return Task(workload=workload, target=target, space=space, weight=weight, name=name, family=family)


def make_variant_tasks(workload: Workload, target: Target, weight: float = 1.0, max_rel_error: float = inf) -> list[Task]:
    """A task for each form of the workload (`workload_variants`), one family."""
    variants = workload_variants(workload, target, max_rel_error)
    return [make_task(variant, target, weight, family=workload.key) for variant in variants]


def operation_count(workload: Workload) -> int:
    """Arithmetic operations of one call, as the tensor expressions are written; index arithmetic does not count."""
    if workload.ops[workload.anchor].op == "winograd_conv2d":
        return performed_flops(workload)
    return sum(_stage_operations(stage) for stage in workload.stages().values())


def _stage_operations(stage: Tensor) -> int:
    if stage.definition is None:
        return 0
    points = 1
    for axis in (*stage.definition.axes, *stage.definition.reduce_axes):
        points *= axis.extent
    body = stage.definition.body
    per_point = sum(isinstance(node, Binary | Call) and node.dtype.kind == "f" for node in walk(body))
    return points * (per_point + bool(stage.definition.reduce_axes))
