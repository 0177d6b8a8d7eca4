"""The table at the end of a session: what each task came to, the most important one first, and the whole model."""

from collections.abc import Sequence

from rich.table import Table

from tilewright.tune_views.wording import duration, failures, kernels_of, milliseconds, model_secs, outlook, speedup, untuned_secs
from tuner import StopReason, TaskResult, TuneResult

MOST_ROWS = 24
STOPPED = {
    StopReason.TRIALS: "the trials are spent",
    StopReason.MINUTES: "the time is up",
    StopReason.GAIN: "too little is left to gain",
    StopReason.UNTIL: "near enough to the best",
    StopReason.EXHAUSTED: "every candidate has been measured",
    StopReason.INTERRUPTED: "interrupted; every measured trial is kept",
}


def model_share(task: TaskResult) -> float:
    """Seconds of one inference; infinite for a task without a time, which so stands on top of a table."""
    return float("inf") if task.best_secs is None else task.weight * task.best_secs


def closing_table(result: TuneResult) -> Table:
    """Rows by their share of the model's time, those past MOST_ROWS as one."""
    progress = result.progress
    title = f"session {result.session}: {STOPPED[result.stop]} after {progress.trials} trials in {duration(progress.elapsed_secs)}"
    notes = [f"failed trials: {failures(progress)}"]
    if progress.repeated:
        notes.append(f"timed again, since a neighbour on this machine had spoiled the time: {progress.repeated}")
    if result.forecast is not None:
        notes.append(outlook(result.forecast))
    table = Table(title=title, title_justify="left", caption="\n".join(notes), caption_justify="left", show_footer=True)
    tasks = sorted(kernels_of(result.tasks), key=model_share, reverse=True)
    table.add_column("task", "whole model", overflow="fold", ratio=1)
    totals = _cells(tasks, model_secs(tasks), untuned_secs(tasks))
    for heading, total in zip(("calls", "trials", "failed", "best ms", "untuned ms", "speed-up"), totals, strict=True):
        table.add_column(heading, total, justify="right", no_wrap=True)
    for task in tasks[:MOST_ROWS]:
        table.add_row(task.name, *_cells([task], task.best_secs, task.default_secs))
    rest = tasks[MOST_ROWS:]
    if rest:
        table.add_row(f"{len(rest)} smaller tasks together", *_cells(rest, model_secs(rest), untuned_secs(rest)))
    return table


def _cells(tasks: Sequence[TaskResult], best_secs: float | None, untuned_secs: float | None) -> tuple[str, ...]:
    counts = (f"{sum(task.weight for task in tasks):g}", str(sum(task.trials for task in tasks)), str(sum(task.failed for task in tasks)))
    return (*counts, milliseconds(best_secs), milliseconds(untuned_secs), speedup(untuned_secs, best_secs))
