"""Tune a model: search for every kernel, keep every measurement. In: `Model`, `Database`. Out: `TuneResult`, and the records."""

from collections.abc import Callable, Mapping

from compiler.target import Target
from compiler.workload import Workload
from measure import Builder, BuilderOptions, LocalRunner, RunnerOptions
from records_db import Database
from tilewright.model import Model
from tilewright.resolve import resolve_target
from tuner import Event, Task, TuneOptions, TuneResult, make_task, tune_tasks


def make_tasks(workloads: Mapping[Workload, int], target: Target) -> list[Task]:
    """One task per workload, weighted by the number of its calls."""
    return [make_task(workload, target, weight=calls, name=str(workload)) for workload, calls in workloads.items()]


def tune(
    model: Model | Mapping[Workload, int],
    target: str | Target = "host",
    *,
    database: Database,
    threads: int | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    tuner: str = "xgb",
    seed: int = 0,
    command_line: str = "",
    on_event: Callable[[Event], None] | None = None,
) -> TuneResult:
    """Search schedules for all kernels of a model (or for some workloads with their weights) and record every trial in `database`.

    trials: how many new ones, over all kernels; minutes: wall time; with neither, 64 trials per kernel. What earlier sessions measured on
    this device is used and not repeated. Ctrl-C ends the search early; nothing measured is lost.
    """
    resolved = resolve_target(target, threads)
    workloads = model.workloads(resolved) if isinstance(model, Model) else model
    tasks = make_tasks(workloads, resolved)
    if trials is None and minutes is None:
        trials = 64 * len(tasks)
    options = TuneOptions(trials=trials, minutes=minutes, strategy=tuner, seed=seed, command_line=command_line)
    with Builder(BuilderOptions(workers=1)) as builder, LocalRunner(RunnerOptions(threads=resolved.cores)) as runner:
        return tune_tasks(tasks, builder, runner, database, options, on_event)
