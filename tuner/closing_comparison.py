"""At the end of a session: the fastest candidates of each task against each other, so that a winner is not one by luck.

In: the tasks of the session. Out: `Comparison`s, each with the verdict in the facts of its measurements. Used by `tuner/tune.py`. The
method is that of `measure/paired_comparison.py`; candidates come in the order of their first measurement, so of those that cannot be told
apart the earliest is chosen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from measure import VERDICT_FACT, ArtifactBuilder, Built, Measurement, Runner, Verdict
from schedule_space import Candidate
from tuner.tuning_task import CONTENDER_RATIO, TuningTask

NEGLIGIBLE_SHARE = 1e-3  # of the model's time: whose candidates are not timed again


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of one task, by its position."""

    task: int
    measurements: tuple[tuple[Candidate, Measurement], ...]

    @property
    def verdict(self) -> Verdict | None:
        """Of the best; None if none has a time."""
        return next((verdict for _, verdict in self._judged() if verdict in (Verdict.WON, Verdict.CHOSEN)), None)

    @property
    def best_secs(self) -> float | None:
        """Of the winner, or of the fastest where the runner gives no verdicts."""
        times = [measurement.best_secs for measurement, verdict in self._judged() if verdict in (Verdict.WON, Verdict.CHOSEN)]
        times = times or [measurement.best_secs for _, measurement in self.measurements]
        return min((secs for secs in times if secs is not None), default=None)

    def _judged(self) -> list[tuple[Measurement, Verdict | None]]:
        return [(measurement, dict(measurement.facts).get(VERDICT_FACT)) for _, measurement in self.measurements]


class ClosingComparison:
    """contenders: how many of a task's candidates are compared; below 2: nothing is."""

    def __init__(self, tasks: Sequence[TuningTask], builder: ArtifactBuilder, runner: Runner, contenders: int) -> None:
        self._tasks = tasks
        self._builder = builder
        self._runner = runner
        self._contenders = contenders

    def comparisons(self, is_out_of_time: Callable[[], bool]) -> Iterator[Comparison]:
        """Those tasks first that take most of the model's time, as far as the time allows."""
        for position in self._worth_it() if self._contenders > 1 else ():
            if is_out_of_time():
                return
            group = self._built(position)
            if len(group) < 2:
                continue
            measurements = self._runner.compare([built for _, built in group])
            pairs = tuple((candidate, measurement) for (candidate, _), measurement in zip(group, measurements, strict=True))
            for candidate, measurement in pairs:
                self._tasks[position].add_comparison(candidate, measurement)
            yield Comparison(position, pairs)

    def _worth_it(self) -> list[int]:
        """Tasks with trials of this session that may decide about the model's time: neither slow forms nor negligible kernels."""
        families: dict[str, float] = {}
        for position, task in enumerate(self._tasks):
            if task.best_secs is not None:
                family = self._family(position)
                families[family] = min(task.model_secs, families.get(family, task.model_secs))
        least_secs = NEGLIGIBLE_SHARE * sum(families.values())
        tried = [position for position, task in enumerate(self._tasks) if task.trials and task.best_secs is not None]
        worth = [
            position
            for position in tried
            if least_secs <= self._tasks[position].model_secs <= CONTENDER_RATIO * families[self._family(position)]
        ]
        return sorted(worth, key=lambda position: -self._tasks[position].model_secs)

    def _built(self, position: int) -> list[tuple[Candidate, Built]]:
        """The contenders with their code, in their order; those that are not at hand are built."""
        task = self._tasks[position]
        contenders = task.contenders(self._contenders)
        if len(contenders) < 2:
            return []
        builds = {candidate: built for candidate in contenders if (built := task.build_of(candidate)) is not None}
        missing = [candidate for candidate in contenders if candidate not in builds]
        for number, outcome in self._builder.stream([task.request(candidate) for candidate in missing]) if missing else ():
            if isinstance(outcome, Built):
                builds[missing[number]] = outcome
        return [(candidate, builds[candidate]) for candidate in contenders if candidate in builds]

    def _family(self, position: int) -> str:
        return self._tasks[position].task.family or f"task {position}"
