"""Which task gets the next trials: the one that promises the largest gain on the whole model. Pure bookkeeping, no clock.

The promise of a task is weight x seconds that its next batch may save. Two estimates are made and the larger one counts:

    momentum: what the last WINDOW trials saved per trial goes on
    hope:     a share of the best time, large for a task that was hardly tried, halved with every HALVING trials that brought nothing

No estimate goes below the time that the task would take at `PEAK_MARGIN` times the best rate (operations per second) of any task.
Tasks that take a thousandth of the model's time, or that have no choice left, so get next to nothing.

Tasks of one family are forms of one kernel, and the model runs the fastest: the gain of another form is what it would save beyond that.
"""

from dataclasses import dataclass, field
from math import exp2

WINDOW = 32
HALVING = 24
HOPE = 0.4  # of the best time: default schedules are 1.1 to 2 times slower than tuned ones
NOTICEABLE = 0.005  # a relative improvement below this is noise
PEAK_MARGIN = 2.0


@dataclass(slots=True)
class TaskProgress:
    """weight: uses per inference. operations: per call. best_secs: after each trial, in order; empty before the first time was measured.

    trials: all of them, failed ones and those of earlier sessions included. stale: trials since the last noticeable improvement.
    family: the same for tasks of which the model uses one only; a task without is alone.
    """

    weight: float
    operations: float
    family: str | None = None
    trials: int = 0
    stale: int = 0
    best_secs: float | None = None
    exhausted: bool = False
    recent: list[float | None] = field(default_factory=list)

    def add(self, run_secs: float | None) -> None:
        """One more trial; None if it failed."""
        self.trials += 1
        self.stale += 1
        if run_secs is not None and (self.best_secs is None or run_secs < self.best_secs):
            if self.best_secs is None or run_secs < self.best_secs * (1 - NOTICEABLE):
                self.stale = 0
            self.best_secs = run_secs
        self.recent = [*self.recent[-WINDOW:], self.best_secs]

    @property
    def momentum_secs(self) -> float:
        """Saved per trial, lately."""
        past = next((secs for secs in self.recent if secs is not None), None)
        if past is None or self.best_secs is None:
            return 0.0
        return (past - self.best_secs) / max(1, len(self.recent) - 1)


class BudgetScheduler:
    """Shares trials out in batches; tasks are known by their position."""

    def __init__(self, tasks: list[TaskProgress]) -> None:
        self.tasks = tasks

    def untried(self) -> list[int]:
        """Tasks without a trial, those with the most arithmetic first: measure them once, so that the model's time is known early."""
        positions = [position for position, task in enumerate(self.tasks) if not task.trials and not task.exhausted]
        return sorted(positions, key=lambda position: -self.tasks[position].weight * self.tasks[position].operations)

    def next_task(self, batch: int) -> int | None:
        """The task whose next `batch` trials promise the most; None when all are exhausted."""
        positions = [position for position, task in enumerate(self.tasks) if not task.exhausted]
        return max(positions, key=lambda position: (self._gain_secs(self.tasks[position], batch), -position), default=None)

    def _gain_secs(self, task: TaskProgress, batch: int) -> float:
        """Seconds of one inference that the next batch may save."""
        share = exp2(-task.stale / HALVING) * HOPE * batch / (batch + task.trials)
        if task.best_secs is None:
            return share * self._mean_secs()
        room = task.best_secs - self._least_secs(task)
        behind = task.best_secs - self._family_secs(task)
        return task.weight * max(0.0, min(room, max(task.momentum_secs * batch, share * task.best_secs)) - behind)

    def _family_secs(self, task: TaskProgress) -> float:
        """The best time of any form of the task's kernel."""
        others = (each.best_secs for each in self.tasks if each is task or (task.family is not None and each.family == task.family))
        return min(secs for secs in others if secs is not None)

    def _least_secs(self, task: TaskProgress) -> float:
        rates = [each.operations / each.best_secs for each in self.tasks if each.best_secs]
        peak = PEAK_MARGIN * max(rates, default=0.0)
        return task.operations / peak if peak else 0.0

    def _mean_secs(self) -> float:
        """What a task is taken to weigh whose candidates have all failed so far."""
        known = [task.weight * task.best_secs for task in self.tasks if task.best_secs is not None]
        return sum(known) / len(known) if known else 1.0
