"""A task in the course of a session: its search, what is known of its candidates, and its counts. Used by `tuner/tune.py`."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from measure import BuildRequest, Measurement, MeasureStatus, RunLimits
from records_db import Record, Source
from schedule_space import Candidate
from tuner.cost_models import ModelFactory
from tuner.events import TaskResult
from tuner.scheduler import TaskProgress
from tuner.strategies import make_strategy
from tuner.task import Task, operation_count

ABANDON_RATIO = 3.0  # slower than this times the best: given up after one call
CONTENDER_RATIO = 1.15  # slower than this times the best: not worth more than a rough time


class TuningTask:
    """Pure state: candidates go out, measurements come in."""

    def __init__(self, task: Task, strategy: str, seed: int, make_model: ModelFactory | None = None) -> None:
        self.task = task
        self.progress = TaskProgress(task.weight, operation_count(task.workload), task.family or None)
        self.failures: Counter[MeasureStatus] = Counter()
        self.trials = 0
        self.known = 0
        self._strategy = make_strategy(strategy, task.space, np.random.default_rng([seed, int(task.workload.key[:12], 16)]), make_model)
        self._default = task.space.default()
        self._seeds = [candidate for candidate in task.seeds if candidate != self._default]
        self._given: set[Candidate] = set()
        self._measured: dict[Candidate, Measurement] = {}

    def resume(self, records: Iterable[Record]) -> None:
        """Take over what earlier sessions measured; what this version of the space would build otherwise, or not at all, is left out."""
        space = self.task.space
        for record in records:
            if record.source is not Source.MEASURED or not space.contains(record.decisions):
                continue
            candidate = space.candidate(record.decisions)
            if space.schedule(candidate) == record.schedule:
                self._note(candidate, record.measurement)
        self.known = len(self._measured)
        for measurement in self._measured.values():
            self.progress.add(measurement.best_secs)
        self._strategy.update(list(self._measured.items()))

    def suggest(self, count: int) -> list[Candidate]:
        """The next candidates to measure; none ends the task."""
        seeds = self._take_seeds(count)
        rest = count - len(seeds)
        proposed = self._strategy.suggest(rest) if rest else []
        self.progress.exhausted = not seeds and not proposed
        return seeds + [candidate for candidate in proposed if candidate not in self._given]

    def _take_seeds(self, count: int) -> list[Candidate]:
        """Those that nobody has measured, once the default has been."""
        if self._default not in self._measured:
            return []
        left = [candidate for candidate in self._seeds if candidate not in self._measured]
        self._seeds = left[count:]
        self._given.update(left[:count])
        return left[:count]

    def request(self, candidate: Candidate) -> BuildRequest:
        return BuildRequest(workload=self.task.workload, schedule=self.task.space.schedule(candidate), target=self.task.target)

    @property
    def limits(self) -> RunLimits:
        """For the next candidate: it is verified if it would be the best, and the first one always."""
        best = self.best_secs
        if best is None:
            return RunLimits()
        return RunLimits(abandon_above_secs=ABANDON_RATIO * best, refine_below_secs=CONTENDER_RATIO * best, verify_below_secs=best)

    def add_trial(self, candidate: Candidate, measurement: Measurement) -> bool:
        """Counts one measured candidate; True if it is the fastest now. The search learns of it by `learn`, with its batch."""
        before = self.best_secs
        self._note(candidate, measurement)
        self.progress.add(measurement.best_secs)
        self.trials += 1
        if measurement.status is not MeasureStatus.OK:
            self.failures[measurement.status] += 1
        return self.best_secs != before

    def learn(self, results: list[tuple[Candidate, Measurement]]) -> None:
        self._strategy.update(results)

    def contenders(self, count: int) -> list[Candidate]:
        """The fastest candidates, as far as they are near the best."""
        timed = [(measurement.best_secs, position) for position, measurement in enumerate(self._measured.values()) if measurement.run_secs]
        candidates = list(self._measured)
        fastest = sorted((secs, position) for secs, position in timed if secs is not None)
        return [candidates[position] for secs, position in fastest[:count] if secs <= CONTENDER_RATIO * fastest[0][0]]

    def add_comparison(self, candidate: Candidate, measurement: Measurement) -> None:
        """A second timing of a known candidate; no trial."""
        self._note(candidate, measurement)

    @property
    def best_secs(self) -> float | None:
        return min((measurement.best_secs for measurement in self._measured.values() if measurement.best_secs is not None), default=None)

    @property
    def model_secs(self) -> float:
        """Of one inference; 0 as long as nothing is known."""
        return self.task.weight * (self.best_secs or 0.0)

    @property
    def result(self) -> TaskResult:
        default = self._measured.get(self._default)
        return TaskResult(
            name=str(self.task),
            weight=self.task.weight,
            trials=self.trials,
            failed=self.failures.total(),
            known=self.known,
            default_secs=default.best_secs if default else None,
            best_secs=self.best_secs,
            family=self.task.family,
        )

    def _note(self, candidate: Candidate, measurement: Measurement) -> None:
        """Of two times the shorter one stays; a failure voids an earlier time."""
        old = self._measured.get(candidate)
        if old is None or old.best_secs is None or measurement.best_secs is None or measurement.best_secs < old.best_secs:
            self._measured[candidate] = measurement
