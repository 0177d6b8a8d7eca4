"""A session in a terminal: a table of the tasks that is drawn anew in place, and the closing table.

It is drawn by the events themselves, between two trials, never by a thread of its own, which would disturb the times.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tilewright.tune_views.closing_table import closing_table, model_share
from tilewright.tune_views.session_heading import SessionHeading
from tilewright.tune_views.wording import (
    duration,
    failures,
    known_already,
    milliseconds,
    speedup,
    trials_of_budget,
    trials_per_second,
    untuned_secs,
)
from tuner import Event, Progress, SessionStarted, TaskResult, TaskRetimed, TrialDone, TuneResult

SECS_BETWEEN_DRAWINGS = 0.4
LINES_AROUND_TASKS = 9  # headings, borders, bar, totals, and the prompt


class LiveTable:
    def __init__(self, heading: SessionHeading | None, console: Console) -> None:
        self._heading = heading
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._tasks: list[TaskResult] = []
        self._current: int | None = None
        self._drawn_secs = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case SessionStarted():
                self._tasks = list(event.tasks)
                if self._heading is not None:
                    self._console.print(str(self._heading), markup=False, highlight=False)
                self._console.print(known_already(event.tasks), markup=False, highlight=False)
                self._live.start()
            case TrialDone():
                self._tasks[event.task], self._current = event.state, event.task
                self._draw(event.progress, "searching")
            case TaskRetimed():
                self._current = event.task
                self._draw(event.progress, "timing the fastest against each other")
            case TuneResult():
                self._live.stop()
                self._console.print(closing_table(event))

    def _draw(self, progress: Progress, doing: str) -> None:
        now = time.monotonic()
        if now - self._drawn_secs < SECS_BETWEEN_DRAWINGS:
            return
        self._drawn_secs = now
        self._live.update(session_picture(self._tasks, self._current, progress, doing, self._console.size.height), refresh=True)


def session_picture(tasks: Sequence[TaskResult], current: int | None, progress: Progress, doing: str, height: int) -> RenderableType:
    """As many tasks as fit into `height` lines, those with the largest share of the model's time first; `current` is marked."""
    room = max(3, height - LINES_AROUND_TASKS)
    ordered = sorted(range(len(tasks)), key=lambda position: model_share(tasks[position]), reverse=True)
    shown = ordered[:room] if current is None or current in ordered[:room] else [*ordered[: room - 1], current]
    table = Table(expand=True)
    table.add_column("task", overflow="ellipsis", no_wrap=True, ratio=1)
    for heading in ("calls", "known", "trials", "failed", "best ms", "untuned ms", "speed-up"):
        table.add_column(heading, justify="right", no_wrap=True)
    for position in shown:
        task = tasks[position]
        counts = (f"{task.weight:g}", str(task.known), str(task.trials), str(task.failed))
        times = (milliseconds(task.best_secs), milliseconds(task.default_secs), speedup(task.default_secs, task.best_secs))
        table.add_row(Text(task.name), *counts, *times, style="bold" if position == current else "")
    hidden = len(tasks) - len(shown)
    untuned = untuned_secs(tasks)
    model = f"model {milliseconds(progress.model_secs)} ms, untuned {milliseconds(untuned)} ms, {speedup(untuned, progress.model_secs)}"
    lines = [f"{model}{f'; {hidden} smaller tasks not shown' if hidden else ''}", f"failed: {failures(progress)}"]
    return Group(table, *(Text(line) for line in lines), _progress_line(progress, doing))


def _progress_line(progress: Progress, doing: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    words = (doing, f"{trials_of_budget(progress)} trials", trials_per_second(progress), f"{duration(progress.secs_left)} left")
    grid.add_row(ProgressBar(total=1.0, completed=done_share(progress)), Text(", ".join(words)))
    return grid


def done_share(progress: Progress) -> float:
    """Of the budget: by trials if they are what is counted, else by time."""
    if progress.trials_budget:
        return progress.trials / progress.trials_budget
    total = progress.elapsed_secs + (progress.secs_left or 0.0)
    return progress.elapsed_secs / total if total and progress.secs_left is not None else 0.0
