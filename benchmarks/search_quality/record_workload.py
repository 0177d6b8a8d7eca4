"""Measure so much of a workload's space that what is best in it is known well enough to judge searches by.

    default -> a uniform sample -> searches from nothing, each on its own -> all one-decision changes of the fastest, the fastest first ->
    whatever came near the best is timed again, against each other

A small space is measured whole. In: a space, a builder, a runner. Out: `Recording`. Next: `benchmarks/record_search_data.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from benchmarks.search_quality.recording import Origin, Provenance, Recording
from benchmarks.search_quality.workloads import LabWorkload
from measure import ArtifactBuilder, BuildRequest, Built, Measurement, MeasureStatus, RunLimits, Runner
from schedule_space import Candidate, ScheduleSpace
from tuner import DEFAULT_STRATEGY, make_strategy

SAMPLED_SHARE, SEARCHED_SHARE = 0.3, 0.35  # of the trials; what is left goes to neighbours of the fastest
ENUMERATED = 200  # a space of up to so many points per trial is counted through, to see whether all of it can be measured
BATCH = 16
SUGGESTIONS_PER_TRIAL = 6  # a search that proposes mostly what is known already ends after so many
EXPANDED = 12  # of the fastest candidates get all their neighbours
ABANDON_RATIO = 4.0
NEAR_BEST, COMPARED_AT_ONCE, COMPARISONS = 1.05, 20, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """trials: per workload, those timed a second time not counted. searches: names of strategies; each starts from nothing."""

    trials: int = 1000
    seed: int = 0
    searches: tuple[str, ...] = (DEFAULT_STRATEGY, DEFAULT_STRATEGY, "droplet", "evolution", "ga")


@dataclass(slots=True)
class _Entry:
    measurement: Measurement
    origin: Origin
    compared_secs: float | None = None

    @property
    def secs(self) -> float | None:
        return self.measurement.best_secs if self.compared_secs is None else self.compared_secs


class WorkloadRecorder:
    """report: told what is going on, in a few words, with the number of trials so far."""

    def __init__(
        self,
        lab_workload: LabWorkload,
        space: ScheduleSpace,
        builder: ArtifactBuilder,
        runner: Runner,
        options: RecordOptions,
        report: Callable[[str, int], None],
    ) -> None:
        self._lab_workload = lab_workload
        self._space = space
        self._builder = builder
        self._runner = runner
        self._options = options
        self._report = report
        self._rng = np.random.default_rng([options.seed, int(lab_workload.workload.key[:12], 16)])
        self._entries: dict[Candidate, _Entry] = {}

    def record(self, provenance: Provenance) -> Recording:
        default = self._space.default()
        self._measure([default], Origin.SEARCH)
        everything = self._small_space()
        if everything is not None:
            self._report("the whole space", len(self._entries))
            self._measure(everything, Origin.SAMPLE)
        else:
            self._sample(round(SAMPLED_SHARE * self._options.trials))
            for position, name in enumerate(self._options.searches):
                self._search(name, position, round(SEARCHED_SHARE * self._options.trials / len(self._options.searches)))
            self._expand()
        self._compare()
        return self._recording(provenance, default, everything is not None)

    def _small_space(self) -> list[Candidate] | None:
        trials = self._options.trials
        if self._space.size > ENUMERATED * trials:
            return None
        valid = list(islice(self._space.all(), trials + 1))
        return valid if len(valid) <= trials else None

    def _sample(self, count: int) -> None:
        self._report("a uniform sample", len(self._entries))
        self._measure(self._space.sample(self._rng, count), Origin.SAMPLE)

    def _search(self, name: str, number: int, count: int) -> None:
        """A search that knows nothing of what was measured before; what it proposes of that costs nothing."""
        self._report(f"search {name}", len(self._entries))
        strategy = make_strategy(name, self._space, np.random.default_rng([self._options.seed, number]))
        end = len(self._entries) + count
        for _ in range(SUGGESTIONS_PER_TRIAL * count):
            batch = strategy.suggest(min(BATCH // 2, max(1, end - len(self._entries))))
            if not batch or len(self._entries) >= end:
                return
            self._measure(batch, Origin.SEARCH)
            strategy.update([(candidate, self._entries[candidate].measurement) for candidate in batch])

    def _expand(self) -> None:
        """All one-decision changes of the fastest candidate that has not been expanded yet, again and again."""
        expanded: set[Candidate] = set()
        self._report("neighbours of the fastest", len(self._entries))
        while len(self._entries) < self._options.trials:
            near = [candidate for candidate in self._ranked()[:EXPANDED] if candidate not in expanded]
            if not near:
                return
            expanded.add(near[0])
            changes = [change for change in one_decision_changes(self._space, near[0]) if change not in self._entries]
            self._measure(changes[: self._options.trials - len(self._entries)], Origin.NEIGHBOUR)

    def _compare(self) -> None:
        """Until all that come near the best have been timed against each other."""
        for _ in range(COMPARISONS):
            ranked = self._ranked()
            limit = NEAR_BEST * self._secs(ranked[0]) if ranked else 0.0
            near = [candidate for candidate in ranked if self._secs(candidate) <= limit]
            fresh = [candidate for candidate in near if self._entries[candidate].compared_secs is None][:COMPARED_AT_ONCE]
            if not fresh:
                return
            self._report(f"comparing {len(fresh)}", len(self._entries))
            known = [candidate for candidate in near if candidate not in fresh][:1]
            built = [(candidate, each) for candidate, each in self._build([*fresh, *known]) if isinstance(each, Built)]
            for (candidate, _), measurement in zip(built, self._runner.compare([each for _, each in built]), strict=True):
                self._note_comparison(self._entries[candidate], measurement)

    def _note_comparison(self, entry: _Entry, measurement: Measurement) -> None:
        secs = measurement.best_secs
        if secs is None:
            entry.measurement, entry.compared_secs = measurement, None
        else:
            entry.compared_secs = secs if entry.compared_secs is None else min(secs, entry.compared_secs)

    def _measure(self, candidates: Iterable[Candidate], origin: Origin) -> None:
        """Those that are new; builds of a batch end before its timing begins."""
        new = iter([candidate for candidate in dict.fromkeys(candidates) if candidate not in self._entries])
        while batch := list(islice(new, BATCH)):
            for candidate, built in list(self._build(batch)):
                measurement = built if isinstance(built, Measurement) else self._runner.run(built, self._limits())
                self._entries[candidate] = _Entry(measurement, origin)

    def _build(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Built | Measurement]]:
        space = self._space
        requests = [BuildRequest(workload=space.workload, schedule=space.schedule(each), target=space.target) for each in candidates]
        for position, built in self._builder.stream(requests):
            yield candidates[position], built

    def _limits(self) -> RunLimits:
        ranked = self._ranked()
        if not ranked:
            return RunLimits()
        best, samples = self._secs(ranked[0]), self._entries[ranked[0]].measurement.run_secs
        return RunLimits(abandon_above_secs=ABANDON_RATIO * best, best_run_secs=samples, verify_below_secs=best)

    def _ranked(self) -> list[Candidate]:
        timed = [candidate for candidate, entry in self._entries.items() if entry.secs is not None]
        return sorted(timed, key=self._secs)

    def _secs(self, candidate: Candidate) -> float:
        secs = self._entries[candidate].secs
        assert secs is not None
        return secs

    def _recording(self, provenance: Provenance, default: Candidate, exhaustive: bool) -> Recording:
        candidates, entries = list(self._entries), list(self._entries.values())
        positions = [{choice: index for index, choice in enumerate(parameter.choices)} for parameter in self._space.parameters]
        rows = [[index[each[1]] for index, each in zip(positions, candidate.decisions, strict=True)] for candidate in candidates]
        described = [self._space.describe(candidate) for candidate in candidates]
        return Recording(
            name=self._lab_workload.name,
            network=self._lab_workload.network,
            workload=self._space.workload,
            target=str(self._space.target),
            threads=self._space.threads,
            provenance=provenance,
            parameters=self._space.parameters,
            choices=np.array(rows, np.uint16),
            run_secs=np.array([np.nan if entry.secs is None else entry.secs for entry in entries]),
            retimed=np.array([entry.compared_secs is not None for entry in entries]),
            statuses=tuple(MeasureStatus(entry.measurement.status) for entry in entries),
            origins=tuple(entry.origin for entry in entries),
            spills=np.array([int(dict(entry.measurement.facts).get("spills", -1)) for entry in entries]),
            quantities={name: np.array([float(each[name]) for each in described]) for name in described[0]},
            default=candidates.index(default),
            exhaustive=exhaustive,
        )


def one_decision_changes(space: ScheduleSpace, candidate: Candidate) -> Iterator[Candidate]:
    """Every valid candidate that differs in one decision, however far."""
    decisions = dict(candidate.decisions)
    for parameter in space.parameters:
        for choice in parameter.choices:
            changed = {**decisions, parameter.name: choice}
            if choice != decisions[parameter.name] and space.is_valid(changed):
                yield space.candidate(changed)
