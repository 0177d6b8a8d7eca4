"""A task in the course of a session: its search, what is known of its candidates, and its counts. Used by `tuner/tune.py`."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from math import inf

import numpy as np

from measure import FORM_SECS_FACT, VERDICT_FACT, BuildRequest, Built, Measurement, MeasureStatus, RunLimits, Verdict
from records_db import Record, Source
from schedule_space import Candidate
from tuner.cost_models import ModelFactory
from tuner.events import TaskResult
from tuner.scheduler import TaskProgress
from tuner.strategies import make_strategy
from tuner.task import Task, operation_count

ABANDON_RATIO = 3.0  # slower than this times the best: given up after one call
CONTENDER_RATIO = 1.15  # slower than this times the best: no winner, however rough the time
KEPT_BUILDS = 8  # of the fastest candidates, so that they need not be built again to be timed against each other
KEPT_SCHEDULES = 64  # of the candidates on their way: asked for when they are built, and again when they are recorded


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
        self._best: Candidate | None = None
        self._beaten: set[Candidate] = set()  # when they were last timed against others
        self._form_secs: dict[Candidate, float] = {}  # when they were last timed against other forms
        self._unlearnt: list[tuple[Candidate, Measurement]] = []
        self._builds: dict[Candidate, Built] = {}
        self._schedule = lru_cache(maxsize=KEPT_SCHEDULES)(task.space.schedule)

    def resume(self, records: Iterable[Record]) -> None:
        """Take over what earlier sessions measured; what this version of the space would build otherwise, or not at all, is left out."""
        space = self.task.space
        for record in records:
            if record.source is not Source.MEASURED or not space.contains(record.decisions):
                continue
            candidate = space.candidate(record.decisions)
            if space.schedule(candidate) == record.schedule:
                self._note(candidate, record.measurement)
                self._heed_verdict(candidate, record.measurement)
        self.known = len(self._measured)
        for measurement in self._measured.values():
            self.progress.add(measurement.best_secs)
        self._scale_progress()
        self._strategy.update(list(self._measured.items()))

    def suggest(self, count: int) -> list[Candidate]:
        """The next candidates to measure; none ends the task. What was measured since the last time is learnt first."""
        unlearnt, self._unlearnt = self._unlearnt, []
        if unlearnt:
            self._strategy.update(unlearnt)
        seeds = self._take_seeds(count)
        rest = count - len(seeds)
        proposed = self._strategy.suggest(rest) if rest else []
        self.progress.exhausted = not seeds and not proposed
        candidates = seeds + [candidate for candidate in proposed if candidate not in self._given]
        self.progress.pending += len(candidates)
        return candidates

    def _take_seeds(self, count: int) -> list[Candidate]:
        """Those that nobody has measured, once the default has been."""
        if self._default not in self._measured:
            return []
        left = [candidate for candidate in self._seeds if candidate not in self._measured]
        self._seeds = left[count:]
        self._given.update(left[:count])
        return left[:count]

    def request(self, candidate: Candidate) -> BuildRequest:
        return BuildRequest(workload=self.task.workload, schedule=self._schedule(candidate), target=self.task.target)

    def limits(self, *, with_reading: bool = False) -> RunLimits:
        """For the next candidate: it is verified if it would be the best, and the first one always."""
        best = None if self._best is None else self._measured[self._best]
        if best is None or best.best_secs is None:
            return RunLimits(with_reading=with_reading)
        return RunLimits(
            abandon_above_secs=ABANDON_RATIO * best.best_secs,
            best_run_secs=best.run_secs,
            verify_below_secs=best.best_secs,
            with_reading=with_reading,
        )

    def add_trial(self, candidate: Candidate, measurement: Measurement, built: Built | None = None) -> bool:
        """Counts one measured candidate; True if it is the fastest now. built: its code, kept if it may be compared with others later."""
        before = self._best
        self._note(candidate, measurement)
        self._unlearnt.append((candidate, measurement))
        self.progress.add(measurement.best_secs)
        self.trials += 1
        if measurement.status is not MeasureStatus.OK:
            self.failures[measurement.status] += 1
        if built is not None and measurement.best_secs is not None and measurement.best_secs <= CONTENDER_RATIO * (self.best_secs or 0.0):
            self._keep_build(candidate, built)
        return self._best != before

    def add_repetition(self, candidate: Candidate, measurement: Measurement) -> None:
        """Another timing of a candidate; no trial. The search learns of it with the next suggestion."""
        self._note(candidate, measurement)
        self._unlearnt.append((candidate, measurement))
        if self.best_secs is not None:
            self.progress.best_secs = min(self.best_secs, self.progress.best_secs or self.best_secs)

    def build_of(self, candidate: Candidate) -> Built | None:
        """If it was kept."""
        return self._builds.get(candidate)

    def contenders(self, count: int) -> list[Candidate]:
        """The fastest candidates, as far as they are near the best, in the order in which they were measured first."""
        timed = [(measurement.best_secs, position) for position, measurement in enumerate(self._measured.values()) if measurement.run_secs]
        candidates = list(self._measured)
        fastest = sorted((secs, position) for secs, position in timed if secs is not None)
        near = sorted(position for secs, position in fastest[:count] if secs <= CONTENDER_RATIO * fastest[0][0])
        return [candidates[position] for position in near]

    def add_comparison(self, candidate: Candidate, measurement: Measurement) -> None:
        """A second timing of a known candidate, beside its rivals; no trial, and nothing to learn from."""
        self._note(candidate, measurement)
        self._heed_verdict(candidate, measurement)
        self._scale_progress()

    @property
    def choice(self) -> Candidate | None:
        """What a model would be compiled from (`records_db/find_best.py`): the fastest that was not beaten, or the fastest."""
        timed = [(each.best_secs, candidate) for candidate, each in self._measured.items() if each.best_secs is not None]
        unbeaten = [pair for pair in timed if pair[1] not in self._beaten]
        return min(unbeaten or timed, key=lambda pair: pair[0])[1] if timed else None

    @property
    def best_secs(self) -> float | None:
        return None if self._best is None else self._measured[self._best].best_secs

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

    def _keep_build(self, candidate: Candidate, built: Built) -> None:
        self._builds[candidate] = built
        if len(self._builds) > KEPT_BUILDS:
            slowest = max(self._builds, key=lambda each: self._measured[each].best_secs or inf)
            del self._builds[slowest]

    def _heed_verdict(self, candidate: Candidate, measurement: Measurement) -> None:
        facts = dict(measurement.facts)
        if FORM_SECS_FACT in facts:
            self._form_secs[candidate] = facts[FORM_SECS_FACT]
        match facts.get(VERDICT_FACT):
            case Verdict.LOST | Verdict.TIED:
                self._beaten.add(candidate)
            case Verdict.WON | Verdict.CHOSEN:
                self._beaten.discard(candidate)

    def _scale_progress(self) -> None:
        form_secs = self._form_secs.get(self.choice) if self.choice is not None else None
        if form_secs is not None and self.progress.best_secs is not None:
            self.progress.scale = form_secs / self.progress.best_secs

    def _note(self, candidate: Candidate, measurement: Measurement) -> None:
        """Of two times the shorter one stays; a failure voids an earlier time."""
        old = self._measured.get(candidate)
        if old is not None and old.best_secs is not None and measurement.best_secs is not None and measurement.best_secs >= old.best_secs:
            return
        self._measured[candidate] = measurement
        if candidate == self._best and measurement.best_secs is None:
            timed = [(each.best_secs, key) for key, each in self._measured.items() if each.best_secs is not None]
            self._best = min(timed, key=lambda pair: pair[0])[1] if timed else None
        elif measurement.best_secs is not None and (self.best_secs is None or measurement.best_secs < self.best_secs):
            self._best = candidate
