"""Search guided by a learned cost model: measure what the model thinks fastest, with some chance for what it does not know.

default -> a batch spread over the space -> again and again: fit; score a random pool; climb from its best and from the fastest
measured candidates to neighbours that score better; take the top, and a few at random
"""

from collections.abc import Iterable
from heapq import nsmallest

import numpy as np

from schedule_space import Candidate, ScheduleSpace
from tuner.cost_model import CostModel, XGBoostCostModel
from tuner.features import FeatureEncoder, Matrix
from tuner.search_strategy import Search, register_strategy

FIRST_BATCH = 12  # measured candidates, failures included, before the model is asked
SPREAD_POOL = 200
POOL = 600
CLIMBERS = 8  # candidates whose neighbours are scored, per step of the climb
CLIMBING_STEPS = 3
EXPLORING_SHARE = 0.15


@register_strategy("xgb")
class ModelGuidedSearch(Search):
    """Needs some ten measurements to be better than chance; costs about 20 us per scored candidate."""

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator) -> None:
        super().__init__(space, rng)
        self._encoder = FeatureEncoder(space)
        self._model: CostModel = XGBoostCostModel(int(rng.integers(1 << 31)))
        self._fitted_on = 0

    def propose(self, count: int) -> list[Candidate]:
        if len(self.history.observations) < FIRST_BATCH:
            return self._spread(count)
        self._fit()
        ranked = self._climb()
        exploring = int(self.rng.binomial(count, EXPLORING_SHARE))
        best = ranked[: count - exploring]
        return best + self.draw(count - len(best))

    def _fit(self) -> None:
        observations = self.history.observations
        if len(observations) == self._fitted_on:
            return
        rows = self._encoder.encode([observation.candidate for observation in observations])
        secs = np.array([np.nan if observation.run_secs is None else observation.run_secs for observation in observations])
        self._model.fit(rows, secs)
        self._fitted_on = len(observations)

    def _climb(self) -> list[Candidate]:
        """All candidates that were scored and nobody has claimed, best first."""
        scores: dict[Candidate, float] = {}
        self._score(self.draw(POOL), scores)
        climbers = [observation.candidate for observation in self.history.ranked()[:CLIMBERS]]
        climbed: set[Candidate] = set()
        for _ in range(CLIMBING_STEPS):
            climbed.update(climbers)
            self._score((neighbour for climber in climbers for neighbour in self.space.neighbours(climber)), scores)
            climbers = nsmallest(CLIMBERS, (candidate for candidate in scores if candidate not in climbed), key=scores.__getitem__)
        return sorted(scores, key=scores.__getitem__)

    def _score(self, candidates: Iterable[Candidate], scores: dict[Candidate, float]) -> None:
        """Adds the scores of those that are new and free."""
        new = list(dict.fromkeys(each for each in candidates if each not in scores and not self.history.is_claimed(each)))
        if new:
            scores.update(zip(new, self._model.predict(self._encoder.encode(new)).tolist(), strict=True))

    def _spread(self, count: int) -> list[Candidate]:
        """Random candidates as far as possible from each other and from what was measured, in the space of the features."""
        pool = self.draw(max(SPREAD_POOL, count))
        if len(pool) <= count:
            return pool
        rows = _normalise(self._encoder.encode([*pool, *(observation.candidate for observation in self.history.observations)]))
        chosen = rows[len(pool) :]
        distance = np.full(len(pool), np.inf)
        for row in chosen:
            distance = np.minimum(distance, np.square(rows[: len(pool)] - row).sum(axis=1))
        picked: list[Candidate] = []
        for _ in range(count):
            farthest = int(distance.argmax())
            picked.append(pool[farthest])
            distance = np.minimum(distance, np.square(rows[: len(pool)] - rows[farthest]).sum(axis=1))
            distance[farthest] = -1.0
        return picked


def _normalise(rows: Matrix) -> Matrix:
    """Columns of mean 0 and deviation 1; what is missing stands at the mean."""
    rows = np.nan_to_num(rows)
    deviation = rows.std(axis=0)
    scaled: Matrix = (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return scaled
