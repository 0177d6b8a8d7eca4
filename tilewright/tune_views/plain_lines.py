"""A session as plain lines, for logs and pipes: one every few seconds, in the manner of tvmc, and the closing table."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Self

from measure import Verdict
from tilewright.tables import show_table
from tilewright.tune_views.closing_table import closing_table
from tilewright.tune_views.session_heading import SessionHeading
from tilewright.tune_views.wording import (
    duration,
    failures,
    known_already,
    milliseconds,
    trials_of_budget,
    trials_per_second,
)
from tuner import Event, SessionStarted, TaskResult, TaskRetimed, TrialDone, TuneResult

SECS_BETWEEN_LINES = 2.0
VERDICTS = {Verdict.WON: "ahead of the others", Verdict.CHOSEN: "tied"}


class PlainLines:
    def __init__(self, heading: SessionHeading | None, file: IO[str]) -> None:
        self._heading = heading
        self._file = file
        self._tasks: Sequence[TaskResult] = ()
        self._last_line_secs = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.flush()

    def __call__(self, event: Event) -> None:
        match event:
            case SessionStarted():
                self._tasks = event.tasks
                if self._heading is not None:
                    self._say(str(self._heading))
                self._say(known_already(event.tasks))
            case TrialDone():
                self._trial(event)
            case TaskRetimed():
                self._retimed(event)
            case TuneResult():
                show_table(closing_table(event), self._file)

    def _trial(self, event: TrialDone) -> None:
        progress = event.progress
        if not self._is_due() and progress.trials != progress.trials_budget:
            return
        current = event.measurement.best_secs
        shown = milliseconds(current) if current is not None else str(event.measurement.status)
        parts = [
            f"[Task {self._number(event.task)}]  Current/Best: {shown:>8}/{milliseconds(event.state.best_secs):>8} ms",
            f"Model: {milliseconds(progress.model_secs):>7} ms",
            f"Progress: ({trials_of_budget(progress)})",
            f"{progress.elapsed_secs:.1f} s, {duration(progress.secs_left)} left",
            trials_per_second(progress),
            event.state.name.partition(" ")[0],
        ]
        if progress.failures:
            parts.append(f"failed: {failures(progress)}")
        self._say(" | ".join(parts))

    def _retimed(self, event: TaskRetimed) -> None:
        if self._is_due():
            best = milliseconds(event.best_secs)
            verdict = "" if event.verdict is None else f", {VERDICTS[event.verdict]}"
            who = f"the best of {event.candidates} forms" if event.of_forms else f"the fastest {event.candidates}"
            self._say(f"[Task {self._number(event.task)}]  {who} timed against each other: {best} ms{verdict}")

    def _is_due(self) -> bool:
        """Whether the last line is long enough ago; if so, the next one counts from now."""
        now = time.monotonic()
        if now - self._last_line_secs < SECS_BETWEEN_LINES:
            return False
        self._last_line_secs = now
        return True

    def _number(self, task: int) -> str:
        count = str(len(self._tasks))
        return f"{task + 1:>{len(count)}}/{count}"

    def _say(self, line: str) -> None:
        print(line, file=self._file, flush=True)
