"""Search guided by a learned cost model: measure what the model thinks fastest, with some chance for what it does not know.

default -> a batch spread over the space -> again and again: fit; score a random pool; climb from its best and from the fastest
measured candidates to neighbours that score better; take the top, and a few at random
"""

import numpy as np

from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import FeatureEncoder, Matrix, ModelFactory
from tuner.strategies.candidate_pool import CandidatePool
from tuner.strategies.search_strategy import Search, register_strategy

FIRST_BATCH = 12  # measured candidates, failures included, before the model is asked
SPREAD_DRAWS = 128
FIRST_DRAWS = 256
FRESH_DRAWS = 64  # added to the pool with every batch
POOL = 2000  # candidates that are scored anew after every fit
CLIMBERS = 8  # candidates whose neighbours join the pool, per step of the climb
CLIMBING_STEPS = 3
EXPLORING_SHARE = 0.15


@register_strategy("xgb")
class ModelGuidedSearch(Search):
    """Needs some ten measurements to be better than chance."""

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        super().__init__(space, rng, make_model)
        self._encoder = FeatureEncoder(space)
        self._pool = CandidatePool(self._encoder)
        self._model = make_model(space, int(rng.integers(1 << 31)))
        self._rows: Matrix = self._encoder.encode([])

    def propose(self, count: int) -> list[Candidate]:
        if len(self.history.observations) < FIRST_BATCH:
            return self._spread(count)
        self._model.fit(self._measured_rows(), self.history.run_secs())
        ranked = self._climb()
        exploring = int(self.rng.binomial(count, EXPLORING_SHARE))
        best = ranked[: count - exploring]
        return best + self.draw(count - len(best))

    def _measured_rows(self) -> Matrix:
        """Of all observations; each is encoded once."""
        new = [observation.candidate for observation in self.history.observations[len(self._rows) :]]
        self._rows = np.concatenate([self._rows, self._encoder.encode(new)])
        return self._rows

    def _climb(self) -> list[Candidate]:
        """Candidates that nobody has claimed, those with the least predicted time first."""
        pool = self._pool
        pool.drop(self.history.is_claimed)
        pool.add(self.draw(FRESH_DRAWS if len(pool) else FIRST_DRAWS))
        scores = self._model.predict(pool.rows).log_secs
        climbers = [observation.candidate for observation in self.history.ranked()[:CLIMBERS]]
        climbed: set[Candidate] = set()
        for _ in range(CLIMBING_STEPS):
            climbed.update(climbers)
            reached = (neighbour for climber in climbers for neighbour in self.space.neighbours(climber))
            new_rows = pool.add(neighbour for neighbour in reached if not self.history.is_claimed(neighbour))
            scores = np.concatenate([scores, self._model.predict(new_rows).log_secs])
            ahead = (pool.candidates[position] for position in np.argsort(scores, kind="stable")[: 4 * CLIMBERS])
            climbers = [candidate for candidate in ahead if candidate not in climbed][:CLIMBERS]
        pool.keep(np.argsort(scores, kind="stable")[:POOL])
        return pool.candidates

    def _spread(self, count: int) -> list[Candidate]:
        """Random candidates as far as possible from each other and from what was measured, in the space of the features."""
        pool = self.draw(max(SPREAD_DRAWS, count))
        if len(pool) <= count:
            return pool
        rows = _normalise(np.concatenate([self._encoder.encode(pool), self._measured_rows()]))
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
