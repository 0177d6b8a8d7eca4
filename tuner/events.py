"""What a tuning session tells while it goes on, and what it says at the end: data for whoever draws it; the tuner knows no terminal."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from measure import Measurement, MeasureStatus
from schedule_space import Candidate


class StopReason(StrEnum):
    TRIALS = "trials"  # the budget of trials is spent
    MINUTES = "minutes"  # the time is up
    EXHAUSTED = "exhausted"  # every candidate of every task has been measured
    INTERRUPTED = "interrupted"  # Ctrl-C; everything measured is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task, now or at the end. trials, failed: of this session. known: candidates measured by earlier sessions.

    default_secs: the untuned time; None if it was not measured or failed. best_secs: None if nothing ran. family: the same for the forms of
    one kernel, of which the model uses the fastest; empty for a kernel with one form.
    """

    name: str
    weight: float
    trials: int
    failed: int
    known: int
    default_secs: float | None
    best_secs: float | None
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the session stands. secs_left: an estimate; None while nothing is known. failures: trials by what went wrong, most first.

    model_secs: the sum of weight x best time over the tasks, of a family of tasks the fastest; None as long as one has no time.
    """

    trials: int
    trials_budget: int | None
    elapsed_secs: float
    secs_left: float | None
    failures: tuple[tuple[MeasureStatus, int], ...]
    model_secs: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """tasks: what earlier sessions left."""

    session: int
    tasks: tuple[TaskResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDone:
    """One measured candidate, committed. task: its position. is_best: it is its task's fastest now."""

    task: int
    candidate: Candidate
    measurement: Measurement
    is_best: bool
    state: TaskResult
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRetimed:
    """The fastest candidates of a task were timed against each other; `best_secs` is the winner's time there."""

    task: int
    candidates: int
    best_secs: float | None
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneResult:
    session: int
    stop: StopReason
    tasks: tuple[TaskResult, ...]
    progress: Progress


Event = SessionStarted | TrialDone | TaskRetimed | TuneResult
Listener = Callable[[Event], None]
