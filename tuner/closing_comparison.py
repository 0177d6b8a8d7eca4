"""The fastest candidates against each other, so that none wins by luck: at the end of a session, forms of a kernel once before it too.

First those of each task. Then, of the forms of a kernel (a family of tasks), the best of each: the times of their searches were taken at
different times, and where a kernel waits for memory, what another machine on the same host takes of it makes more of a difference than the
form. So the choice between forms goes by the times of this one run (`FORM_SECS_FACT`).

In: the tasks of the session. Out: `Comparison`s, each with the verdict in the facts of its measurements. Used by `tuner/tune.py`. The
method is that of `measure/paired_comparison.py`; candidates come in the order of their first measurement, forms in that of the tasks, so of
those that cannot be told apart the earliest is chosen.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from statistics import median

from measure import FORM_SECS_FACT, FORM_VERDICT_FACT, VERDICT_FACT, ArtifactBuilder, Built, Measurement, Runner, Verdict
from schedule_space import Candidate
from tuner.tuning_task import CONTENDER_RATIO, TuningTask

NEGLIGIBLE_SHARE = 1e-3  # of the model's time: whose candidates are not timed again
LARGE_SHARE = 0.02  # whose forms are timed in turn before the end too
# Forms slower than this times the fastest are no rivals: memory at its best and at its usual is the difference that was seen (a dense layer
# of VGG-16 took 6.5 ms for a second in a search, and 11 to 13 before and after; Zen 4, two threads).
RIVAL_RATIO = 2.0
BEST = (Verdict.WON, Verdict.CHOSEN)


@dataclass(frozen=True, slots=True)
class Contender:
    """task: by its position."""

    task: int
    candidate: Candidate
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Comparison:
    """of_forms: the contenders are the best of each form of a kernel, else the best of one task."""

    contenders: tuple[Contender, ...]
    of_forms: bool = False

    @property
    def best(self) -> Contender:
        """The winner, or the fastest where the runner gives no verdicts; one without a time where none has one."""
        winners = [each for each in self.contenders if self._verdict(each) in BEST]
        return min(winners or self.contenders, key=lambda each: each.measurement.best_secs or inf)

    @property
    def verdict(self) -> Verdict | None:
        """Of the best; None without verdicts."""
        return self._verdict(self.best)

    def _verdict(self, contender: Contender) -> Verdict | None:
        verdict = dict(contender.measurement.facts).get(FORM_VERDICT_FACT if self.of_forms else VERDICT_FACT)
        return None if verdict is None else Verdict(str(verdict))


class ClosingComparison:
    """contenders: how many of a task's candidates are compared; below 2: nothing is."""

    def __init__(self, tasks: Sequence[TuningTask], builder: ArtifactBuilder, runner: Runner, contenders: int) -> None:
        self._tasks = tasks
        self._builder = builder
        self._runner = runner
        self._contenders = contenders

    def comparisons(self, is_out_of_time: Callable[[], bool]) -> Iterator[Comparison]:
        """Those kernels first that take most of the model's time, as far as the time allows."""
        for family in self._families(NEGLIGIBLE_SHARE) if self._contenders > 1 else ():
            for position in self._worth_it(family):
                if is_out_of_time():
                    return
                chosen = [(position, candidate) for candidate in self._tasks[position].contenders(self._contenders)]
                yield from self._compared(chosen, of_forms=False)
            if is_out_of_time():
                return
            yield from self._compared(self._rivals(family), of_forms=True)

    def comparisons_of_forms(self, is_out_of_time: Callable[[], bool]) -> Iterator[Comparison]:
        """In the course of the session: of the kernels that matter most, so that no form is searched for its luck."""
        for family in self._families(LARGE_SHARE) if self._contenders > 1 else ():
            if is_out_of_time():
                return
            yield from self._compared(self._rivals(family), of_forms=True)

    def _compared(self, chosen: Sequence[tuple[int, Candidate]], *, of_forms: bool) -> Iterator[Comparison]:
        """At most one; none where fewer than two can be built."""
        group = self._built(chosen) if len(chosen) > 1 else []
        if len(group) < 2:
            return
        measurements = self._runner.compare([built for _, _, built in group])
        if of_forms:
            measurements = _as_forms(measurements)
        contenders = [Contender(position, candidate, each) for (position, candidate, _), each in zip(group, measurements, strict=True)]
        for each in contenders:
            self._tasks[each.task].add_comparison(each.candidate, each.measurement)
        yield Comparison(tuple(contenders), of_forms)

    def _families(self, least_share: float) -> list[list[int]]:
        """Of the kernels that were searched in this session and take so much of the model's time, the forms with a time."""
        families: dict[str, list[int]] = defaultdict(list)
        for position, task in enumerate(self._tasks):
            if task.best_secs is not None:
                families[task.task.family or f"task {position}"].append(position)
        secs = {name: min(self._tasks[position].model_secs for position in family) for name, family in families.items()}
        least_secs = least_share * sum(secs.values())
        searched = [name for name, family in families.items() if any(self._tasks[position].trials for position in family)]
        return [families[name] for name in sorted(searched, key=lambda name: -secs[name]) if secs[name] >= least_secs]

    def _worth_it(self, family: Sequence[int]) -> list[int]:
        """Forms with trials of this session that may be the fastest."""
        near = [position for position in self._near(family, CONTENDER_RATIO) if self._tasks[position].trials]
        return sorted(near, key=lambda position: -self._tasks[position].model_secs)

    def _rivals(self, family: Sequence[int]) -> list[tuple[int, Candidate]]:
        """Of each form that may be the fastest what a model would be compiled from."""
        choices = [(position, self._tasks[position].choice) for position in self._near(family, RIVAL_RATIO)]
        return [(position, candidate) for position, candidate in choices if candidate is not None]

    def _near(self, family: Sequence[int], ratio: float) -> list[int]:
        best_secs = min(self._tasks[position].model_secs for position in family)
        return [position for position in family if self._tasks[position].model_secs <= ratio * best_secs]

    def _built(self, chosen: Sequence[tuple[int, Candidate]]) -> list[tuple[int, Candidate, Built]]:
        """With their code, in their order; those that are not at hand are built, and left out where that fails."""
        builds = {pair: built for pair in chosen if (built := self._tasks[pair[0]].build_of(pair[1])) is not None}
        missing = [pair for pair in chosen if pair not in builds]
        requests = [self._tasks[position].request(candidate) for position, candidate in missing]
        for number, outcome in self._builder.stream(requests) if missing else ():
            if isinstance(outcome, Built):
                builds[missing[number]] = outcome
        return [(*pair, builds[pair]) for pair in chosen if pair in builds]


def _as_forms(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Their verdicts as those between forms, so that none counts as beaten within its own, and the times to choose by.

    Those are the best's least time, and for the others as much more as their medians were above its in the rounds that they took part in: a
    least time is luck where there were few rounds.
    """
    best = next((each for each in measurements if dict(each.facts).get(VERDICT_FACT) in BEST), None)
    judged = []
    for each in measurements:
        facts = [(FORM_VERDICT_FACT if name == VERDICT_FACT else name, value) for name, value in each.facts if name != "verdict_p"]
        if best is not None and best.best_secs is not None and each.run_secs:
            ratio = median(each.run_secs) / median(best.run_secs[: len(each.run_secs)])
            facts.append((FORM_SECS_FACT, best.best_secs * ratio))
        judged.append(replace(each, facts=tuple(facts)))
    return judged
