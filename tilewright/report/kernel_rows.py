"""How near each kernel came to what the machine can do. In: `TuneData`. Out: `KernelRow`s. Next: `page.py`."""

from dataclasses import dataclass

from measure import Roofline, describe_host, measure_roofline
from tilewright.kernel_bound import KernelWork, kernel_bound, kernel_work
from tilewright.report.session_data import TaskData, TuneData
from tilewright.report.task_space import task_target, untuned_secs


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRow:
    """reached: the least time that this machine could take over the best measured; None where the limits of the device are not known.

    limit: what sets that least time. untuned_secs: of the default schedule, None where it was not measured.
    gflops: of the operator's definition, 10^9 a second.
    """

    task: TaskData
    untuned_secs: float | None
    gflops: float | None
    reached: float | None
    limit: str


def kernel_rows(data: TuneData, *, ceiling: bool = True) -> list[KernelRow]:
    """In the order of the tasks. ceiling: measure this machine's limits, where it is the recorded one; a second per number of threads."""
    works = {task.records[0].workload.key: kernel_work(task.records[0].workload) for task in data.tasks}
    limits = _limits(data) if ceiling else {}
    constants: dict[tuple[str, str], float] = {}
    counted: set[tuple[str, str, str]] = set()
    for task in data.tasks:
        group = (task.target, task.device.fingerprint)
        if (*group, task.family) not in counted:
            counted.add((*group, task.family))
            constants[group] = constants.get(group, 0.0) + task.weight * works[task.records[0].workload.key].constant_bytes
    rows = []
    for task in data.tasks:
        group = (task.target, task.device.fingerprint)
        rows.append(_row(task, works[task.records[0].workload.key], constants[group], limits.get(group)))
    return rows


def _row(task: TaskData, work: KernelWork, constant_bytes: float, roofline: Roofline | None) -> KernelRow:
    best = task.best_secs
    if best is None:
        return KernelRow(task=task, untuned_secs=None, gflops=None, reached=None, limit="")
    bound = None if roofline is None else kernel_bound(work, constant_bytes, roofline)
    return KernelRow(
        task=task,
        untuned_secs=untuned_secs(task),
        gflops=work.flops / best * 1e-9,
        reached=None if bound is None else bound.secs / best,
        limit="" if bound is None else str(bound.limit),
    )


def _limits(data: TuneData) -> dict[tuple[str, str], Roofline]:
    """By target and device fingerprint, for the device that this is."""
    here = describe_host().fingerprint
    found: dict[tuple[str, str], Roofline] = {}
    by_threads: dict[int, Roofline] = {}
    for task in data.tasks:
        group = (task.target, task.device.fingerprint)
        if task.device.fingerprint != here or group in found:
            continue
        target = task_target(task)
        if target is None:
            continue
        if target.cores not in by_threads:
            by_threads[target.cores] = measure_roofline(target.cores, target)
        found[group] = by_threads[target.cores]
    return found
