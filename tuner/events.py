"""What a tuning session tells while it goes on, and what it says at the end: data for whoever draws it; the tuner knows no terminal."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from measure import Measurement, MeasureStatus, Verdict
from schedule_space import Candidate


class StopReason(StrEnum):
    TRIALS = "trials"  # the budget of trials is spent
    MINUTES = "minutes"  # the time is up
    EXHAUSTED = "exhausted"  # every candidate of every task has been measured
    GAIN = "gain"  # the next minute is predicted to bring too little
    UNTIL = "until"  # the model is predicted to be as near to its best as was asked
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
    repeated: trials that were timed again since a neighbour on the machine had spoiled them.
    """

    trials: int
    trials_budget: int | None
    elapsed_secs: float
    secs_left: float | None
    failures: tuple[tuple[MeasureStatus, int], ...]
    model_secs: float | None
    repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What `forecast.py` makes of the tasks' curves: times of one inference.

    model_secs: now. best_secs: after endless trials. minute_secs: after one more minute.
    """

    model_secs: float
    best_secs: float
    minute_secs: float

    @property
    def reached(self) -> float:
        """Of the best speed that could be found, at most 1."""
        return self.best_secs / self.model_secs

    @property
    def minute_gain(self) -> float:
        """By what share of its time the next minute would make the model faster."""
        return 1.0 - self.minute_secs / self.model_secs


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
    """The fastest candidates of a task were timed against each other; `best_secs` is the winner's time there.

    of_forms: they are the best of each form of a kernel, and the task is the winner's.
    verdict: whether it is ahead of the others (`won`), or only the first of those that cannot be told apart (`chosen`); None without times.
    """

    task: int
    candidates: int
    best_secs: float | None
    progress: Progress
    verdict: Verdict | None = None
    of_forms: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneResult:
    """forecast: None while a task has no time."""

    session: int
    stop: StopReason
    tasks: tuple[TaskResult, ...]
    progress: Progress
    forecast: Forecast | None = None


Event = SessionStarted | TrialDone | TaskRetimed | TuneResult
Listener = Callable[[Event], None]
