"""Coordinate descent: all neighbours of a candidate are measured, and the search steps to the best if it is faster beyond chance.

After Droplet (Canesche et al., ACM TACO 2024): one coordinate at a time changes to the next choice, a step needs a significance test of its
samples, and a direction that paid is tried again first. Where nothing around is faster, the search goes on from the fastest candidate
whose surroundings are not measured yet, and from there from a random one.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import ttest_ind_from_stats

from measure import Measurement
from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import ModelFactory
from tuner.strategies.search_strategy import Search, register_strategy

SIGNIFICANCE = 0.05
LEAST_GAIN = 0.01  # with too few samples for a test: a step is at least so much faster
TESTED_SAMPLES = 3
STARTS = 8  # of the fastest candidates, before chance decides


@register_strategy("droplet")
class CoordinateDescent(Search):
    """Starts from the default."""

    summary = "coordinate descent with a significance test (Droplet)"

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        super().__init__(space, rng, make_model)
        self._samples: dict[Candidate, tuple[float, ...]] = {}
        self._centre = self.default
        self._explored: set[Candidate] = set()
        self._last_step: dict[str, int] = {}

    def update(self, results: Sequence[tuple[Candidate, Measurement]]) -> None:
        super().update(results)
        self._samples.update((candidate, measurement.run_secs) for candidate, measurement in results if measurement.best_secs is not None)
        faster = [candidate for candidate, _ in results if self._is_faster(candidate, self._centre)]
        if faster:
            self._step_to(min(faster, key=lambda candidate: min(self._samples[candidate])))

    def propose(self, count: int) -> list[Candidate]:
        """Around the centre; where all of that is measured, or on its way, around the next best."""
        chosen: dict[Candidate, None] = {}
        centres = [self._centre, *(observation.candidate for observation in self.history.ranked()[:STARTS])]
        for centre in dict.fromkeys(centres):
            if centre in self._explored:
                continue
            around = [each for each in self._directions(centre) if not self.history.is_claimed(each)]
            chosen.update((each, None) for each in around)
            if not around:
                self._explored.add(centre)
            if len(chosen) >= count:
                break
        return list(chosen)[:count]

    def _step_to(self, candidate: Candidate) -> None:
        before, after = self.space.point(self._centre), self.space.point(candidate)
        moves = {parameter.name: new - old for parameter, old, new in zip(self.space.parameters, before, after, strict=True)}
        self._last_step = {name: move for name, move in moves.items() if move}
        self._centre = candidate

    def _directions(self, centre: Candidate) -> list[Candidate]:
        """Its neighbours, first those that go on in the direction of the last step."""
        here = self.space.point(centre)
        names = [parameter.name for parameter in self.space.parameters]

        def goes_on(neighbour: Candidate) -> bool:
            moves = zip(names, here, self.space.point(neighbour), strict=True)
            return any(new != old and (new - old) * self._last_step.get(name, 0) > 0 for name, old, new in moves)

        return sorted(self.space.neighbours(centre), key=lambda neighbour: not goes_on(neighbour))

    def _is_faster(self, candidate: Candidate, other: Candidate) -> bool:
        """Beyond chance: a one-sided Welch test on the logarithms of the samples. What has a time is faster than what has none."""
        if candidate not in self._samples or candidate == other:
            return False
        if other not in self._samples:
            return True
        ours, theirs = np.log(self._samples[candidate]), np.log(self._samples[other])
        if min(len(ours), len(theirs)) < TESTED_SAMPLES or not (np.ptp(ours) or np.ptp(theirs)):
            return bool(ours.min() < theirs.min() + np.log1p(-LEAST_GAIN))
        spreads = ((samples.mean(), samples.std(ddof=1), len(samples)) for samples in (ours, theirs))
        test = ttest_ind_from_stats(*next(spreads), *next(spreads), equal_var=False, alternative="less")
        return bool(test.pvalue < SIGNIFICANCE)
