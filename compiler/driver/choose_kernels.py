"""Workloads -> compiled kernels: asks for forms and schedules, compiles them, falls back to the default where one does not fit.

In: workloads, what chooses. Out: `CompiledKernel` per workload. Next: `plan_calls.py`, `lay_out_weights.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.codegen import Artifact
from compiler.driver.choose_variant import VariantChoice
from compiler.driver.compile_kernels import KernelRequest, compile_kernels
from compiler.driver.object_cache import ObjectCache
from compiler.driver.schedule_choice import ScheduleChoice
from compiler.errors import CodegenError, TilewrightError
from compiler.graph import Group
from compiler.target import Target, host_cores
from compiler.workload import Workload


@dataclass(frozen=True, slots=True)
class CompiledKernel:
    """workload: the form of the group's workload that was chosen; choice: what the artifact was made from."""

    workload: Workload
    choice: ScheduleChoice
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class KernelUse:
    """One kernel call of a model and the code that it runs."""

    group: Group
    kernel: CompiledKernel

    @property
    def artifact(self) -> Artifact:
        return self.kernel.artifact


def choose_kernels(
    workloads: Sequence[Workload],
    target: Target,
    best: Callable[[Workload], VariantChoice],
    default: Callable[[Workload], ScheduleChoice],
    cache: ObjectCache | None,
) -> dict[Workload, CompiledKernel]:
    """A schedule that cannot be applied is replaced by the default, and the choice's source says so; `CodegenError` if that fails too."""
    choices = {workload: best(workload) for workload in workloads}
    compiled, failures = _compile_choices(choices, target, cache)
    again = {
        workload: VariantChoice(
            workload, replace(default(workload), source=f"default, since {choices[workload].choice.source} failed: {error}")
        )
        for workload, error in failures.items()
    }
    recompiled, still_failing = _compile_choices(again, target, cache)
    for workload, error in still_failing.items():
        raise CodegenError(f"cannot compile {workload} for {target.cpu}: {error}") from error
    return {**compiled, **recompiled}


def _compile_choices(
    choices: Mapping[Workload, VariantChoice], target: Target, cache: ObjectCache | None
) -> tuple[dict[Workload, CompiledKernel], dict[Workload, TilewrightError]]:
    requests = [KernelRequest(variant.workload, variant.choice.schedule) for variant in choices.values()]
    results = compile_kernels(requests, target, cache, workers=host_cores())
    compiled: dict[Workload, CompiledKernel] = {}
    failures: dict[Workload, TilewrightError] = {}
    for (workload, variant), result in zip(choices.items(), results, strict=True):
        if isinstance(result, Artifact):
            compiled[workload] = CompiledKernel(variant.workload, variant.choice, result)
        else:
            failures[workload] = result
    return compiled, failures
