"""Which task gets the next trials: the one that promises the largest gain on the whole model. Pure bookkeeping, no clock.

The promise of a task is weight x seconds that its next batch may save. Two estimates are made and the larger one counts:

    momentum: the rate at which the last WINDOW trials made it faster goes on
    hope:     the curve of `forecast.py`, taken two standard deviations above what is expected, so that what is little known is tried

No estimate goes below the time that the task would take at `PEAK_MARGIN` times the best rate (operations per second) of any task.
Tasks that take a thousandth of the model's time, or that have no choice left, so get next to nothing.

Tasks of one family are forms of one kernel, and the model runs the fastest: the gain of another form is what it would save beyond that.
Once they have been timed in turn (`closing_comparison.py`), each one's times are scaled by what it took there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, exp2, inf, log

from tuner.forecast import STRETCHES, amplitude, expected_secs

WINDOW = 32
FEWEST = 8  # trials; a rate over fewer is taken for one over so many
OPTIMISM = 2.0  # deviations; with one, a form 2 % behind the fastest got a seventh of the trials instead of a fifth
HORIZONS = (1, 2, 4)  # batches: a form that is behind may need more than one of them to overtake
STEADY = 2  # batches for which momentum is trusted
PEAK_MARGIN = 2.0
LOOK_AHEAD_STEPS = 16  # in which the trials to come are shared out when the gain of all tasks together is foretold


@dataclass(slots=True)
class TaskProgress:
    """weight: uses per inference. operations: per call. best_secs: None before the first time was measured.

    trials: all of them, failed ones and those of earlier sessions included. milestones: the best time after 1, 8, 16, ... of them.
    pending: trials that are on their way. family: the same for tasks of which the model uses one only; a task without is alone.
    scale: the best's time beside other forms over its time in the search, which may have been luck.
    """

    weight: float
    operations: float
    family: str | None = None
    trials: int = 0
    pending: int = 0
    best_secs: float | None = None
    scale: float = 1.0
    exhausted: bool = False
    recent: list[float | None] = field(default_factory=list)
    milestones: list[float | None] = field(default_factory=list)

    def add(self, run_secs: float | None) -> None:
        """One more trial; None if it failed."""
        self.trials += 1
        self.pending = max(0, self.pending - 1)
        if run_secs is not None and (self.best_secs is None or run_secs < self.best_secs):
            self.best_secs = run_secs
        self.recent = [*self.recent[-WINDOW:], self.best_secs]
        if self.trials in STRETCHES:
            self.milestones.append(self.best_secs)

    @property
    def form_secs(self) -> float | None:
        """To be compared with other forms."""
        return None if self.best_secs is None else self.scale * self.best_secs

    @property
    def momentum(self) -> float:
        """By how much the logarithm of the best time fell per trial, lately."""
        past = next((secs for secs in self.recent if secs is not None), None)
        if past is None or self.best_secs is None:
            return 0.0
        return log(past / self.best_secs) / max(FEWEST, len(self.recent) - 1)


class BudgetScheduler:
    """Shares trials out in batches; tasks are known by their position."""

    def __init__(self, tasks: list[TaskProgress]) -> None:
        self.tasks = tasks

    def untried(self) -> list[int]:
        """Tasks without a trial, those with the most arithmetic first: measure them once, so that the model's time is known early."""
        positions = [position for position, task in enumerate(self.tasks) if not task.trials + task.pending and not task.exhausted]
        return sorted(positions, key=lambda position: -self.tasks[position].weight * self.tasks[position].operations)

    @property
    def is_waiting(self) -> bool:
        """Whether the first trial of a task is on its way: before it is known what its time is, a choice would be a guess."""
        return any(task.pending and not task.trials for task in self.tasks)

    def next_task(self, batch: int) -> int | None:
        """The task whose next `batch` trials promise the most; None when all are exhausted."""
        positions = [position for position, task in enumerate(self.tasks) if not task.exhausted]
        return max(positions, key=lambda position: (self._gain_secs(self.tasks[position], batch), -position), default=None)

    def _gain_secs(self, task: TaskProgress, batch: int) -> float:
        """Seconds of one inference that the next batch may save; negative for a form that stays behind the fastest."""
        mean, deviation = amplitude(task.milestones)
        tried = task.trials + task.pending
        now_secs = task.form_secs
        if now_secs is None:
            return self._mean_secs() * (mean + OPTIMISM * deviation) * exp2(-tried)
        behind = now_secs - self._family_secs(task)
        promise = -inf
        for batches in HORIZONS:
            trials = batches * batch
            hoped_secs = expected_secs(now_secs, mean + OPTIMISM * deviation, tried, trials)
            gone_on_secs = now_secs * exp(-task.momentum * min(batches, STEADY) * batch)
            secs = min(now_secs, max(self._least_secs(task), min(hoped_secs, gone_on_secs)))
            promise = max(promise, (now_secs - secs - behind) / batches)
        return task.weight * promise

    def foretold_secs(self, trials: float) -> float | None:
        """Of one inference, after so many more trials for all tasks, infinitely many included; None while a task has no time.

        What is expected, without the optimism that tasks are chosen by.
        """
        families: dict[str | int, list[TaskProgress]] = {}
        for position, task in enumerate(self.tasks):
            if task.best_secs is not None:
                families.setdefault(position if task.family is None else task.family, []).append(task)
        known = {position if task.family is None else task.family for position, task in enumerate(self.tasks)}
        if len(families) < len(known):
            return None
        outlooks = [[_Outlook.of(task, self._least_secs(task)) for task in forms] for forms in families.values()]
        if trials == inf:
            return sum(min(outlook.after(inf) for outlook in forms) for forms in outlooks)
        for _ in range(LOOK_AHEAD_STEPS if trials else 0):
            best = max(((_gain(forms, outlook, trials / LOOK_AHEAD_STEPS), outlook) for forms in outlooks for outlook in forms), key=_first)
            best[1].more += trials / LOOK_AHEAD_STEPS
        return sum(min(outlook.after(0) for outlook in forms) for forms in outlooks)

    def _family_secs(self, task: TaskProgress) -> float:
        """The best time of any form of the task's kernel."""
        others = (each.form_secs for each in self.tasks if each is task or (task.family is not None and each.family == task.family))
        return min(secs for secs in others if secs is not None)

    def _least_secs(self, task: TaskProgress) -> float:
        rates = [each.operations / each.form_secs for each in self.tasks if each.form_secs]
        peak = PEAK_MARGIN * max(rates, default=0.0)
        return task.operations / peak if peak else 0.0

    def _mean_secs(self) -> float:
        """What a task is taken to weigh whose candidates have all failed so far."""
        known = [task.weight * task.form_secs for task in self.tasks if task.form_secs is not None]
        return sum(known) / len(known) if known else 1.0


@dataclass(slots=True)
class _Outlook:
    """A task and the trials that it would get. secs: of one inference. gain: the expected a of `forecast.py`."""

    secs: float
    least_secs: float
    gain: float
    trials: int
    more: float = 0.0

    @staticmethod
    def of(task: TaskProgress, least_secs: float) -> "_Outlook":
        secs = task.weight * (task.form_secs or 0.0)
        return _Outlook(secs, task.weight * least_secs, 0.0 if task.exhausted else amplitude(task.milestones)[0], task.trials)

    def after(self, trials: float) -> float:
        return max(min(self.secs, self.least_secs), expected_secs(self.secs, self.gain, self.trials, self.more + trials))


def _gain(forms: Sequence[_Outlook], outlook: _Outlook, trials: float) -> float:
    return min(form.after(0) for form in forms) - outlook.after(trials)


def _first(pair: tuple[float, _Outlook]) -> float:
    return pair[0]
