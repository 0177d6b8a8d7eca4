"""The table at the end of a session: what each task came to, the most important one first, and the whole model."""

from rich.table import Table

from tilewright.tune_views.wording import duration, failures, milliseconds, model_secs, speedup, untuned_secs
from tuner import StopReason, TaskResult, TuneResult

STOPPED = {
    StopReason.TRIALS: "the trials are spent",
    StopReason.MINUTES: "the time is up",
    StopReason.EXHAUSTED: "every candidate has been measured",
    StopReason.INTERRUPTED: "interrupted; every measured trial is kept",
}


def model_share(task: TaskResult) -> float:
    """Seconds of one inference; infinite for a task without a time, which so stands on top of a table."""
    return float("inf") if task.best_secs is None else task.weight * task.best_secs


def closing_table(result: TuneResult) -> Table:
    """Rows by their share of the model's time."""
    progress = result.progress
    title = f"session {result.session}: {STOPPED[result.stop]} after {progress.trials} trials in {duration(progress.elapsed_secs)}"
    table = Table(
        title=title, title_justify="left", caption=f"failed trials: {failures(progress)}", caption_justify="left", show_footer=True
    )
    tasks = sorted(result.tasks, key=model_share, reverse=True)
    untuned, best = untuned_secs(tasks), model_secs(tasks)
    table.add_column("task", "whole model", overflow="fold", ratio=1)
    for heading, footer in (
        ("calls", f"{sum(task.weight for task in tasks):g}"),
        ("trials", str(sum(task.trials for task in tasks))),
        ("failed", str(sum(task.failed for task in tasks))),
        ("best ms", milliseconds(best)),
        ("untuned ms", milliseconds(untuned)),
        ("speed-up", speedup(untuned, best)),
    ):
        table.add_column(heading, footer, justify="right", no_wrap=True)
    for task in tasks:
        times = (milliseconds(task.best_secs), milliseconds(task.default_secs), speedup(task.default_secs, task.best_secs))
        table.add_row(task.name, f"{task.weight:g}", str(task.trials), str(task.failed), *times)
    return table
