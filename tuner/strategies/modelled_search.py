"""What the strategies share that ask a cost model: it is fitted when there is news, and asked about candidates whose features are kept.

In: the history of a search. Out: predictions, and pools of promising candidates. Next: `evolutionary_search.py`, `diverse_search.py`,
`bayesian_search.py`, `adaptive_search.py`.
"""

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import FeatureEncoder, Matrix, ModelFactory, Prediction, Vector
from tuner.strategies.candidate_pool import CandidatePool
from tuner.strategies.search_strategy import Search

FIRST_DRAWS = 256
FRESH_DRAWS = 32  # added to the pool with every batch
POOL = 512  # candidates that are scored anew after every fit
CLIMBERS = 8  # candidates whose neighbours join the pool, per step of the climb
CLIMBING_STEPS = 3

Score = Callable[[Prediction], Vector]
"""What to measure first has the least score."""


class ModelledSearch(Search):
    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        super().__init__(space, rng, make_model)
        self.encoder = FeatureEncoder(space)
        self.model = make_model(space, int(rng.integers(1 << 31)))
        self.pool = CandidatePool(self.encoder)
        self._rows: Matrix = self.encoder.encode([])
        self._learnt = 0

    def suggest(self, count: int) -> list[Candidate]:
        """By one thread: sums in another order would suggest otherwise, and waiting threads would disturb the timing beside them."""
        with _libraries().limit(limits=1):
            return super().suggest(count)

    def measured_rows(self) -> Matrix:
        """Of all observations; each is encoded once."""
        new = [observation.candidate for observation in self.history.observations[len(self._rows) :]]
        if new:
            self._rows = np.concatenate([self._rows, self.encoder.encode(new)])
        return self._rows

    def learn(self, news: int = 1) -> None:
        """Fits the model where so much was measured since the last fit."""
        if len(self.history.observations) - self._learnt >= news:
            self._learnt = len(self.history.observations)
            self.model.fit(self.measured_rows(), self.history.run_secs())

    def climb(self, score: Score) -> tuple[list[Candidate], Matrix, Prediction]:
        """Candidates that nobody has claimed, least score first, with their features and predictions.

        A random pool grows by the neighbours of its best, and of the fastest that were measured, step by step.
        """
        pool = self.pool
        pool.drop(self.history.is_claimed)
        pool.add(self.draw(FRESH_DRAWS if len(pool) else FIRST_DRAWS))
        predictions = [self.model.predict(pool.rows)]
        climbers = [observation.candidate for observation in self.history.ranked()[:CLIMBERS]] or [self.default]
        climbed: set[Candidate] = set()
        for _ in range(CLIMBING_STEPS):
            climbed.update(climbers)
            predictions.append(self.model.predict(pool.add(self.unclaimed_neighbours(climbers))))
            order = np.argsort(score(_joined(predictions)), kind="stable")
            ahead = (pool.candidates[position] for position in order[: 4 * CLIMBERS])
            climbers = [candidate for candidate in ahead if candidate not in climbed][:CLIMBERS]
        kept = np.argsort(score(_joined(predictions)), kind="stable")[:POOL]
        pool.keep(kept)
        every = _joined(predictions)
        return pool.candidates, pool.rows, Prediction(every.log_secs[kept], every.deviation[kept], every.failure[kept])

    def unclaimed_neighbours(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        reached = (neighbour for candidate in candidates for neighbour in self.space.neighbours(candidate))
        return [neighbour for neighbour in reached if not self.history.is_claimed(neighbour)]


@cache
def _libraries() -> ThreadpoolController:
    """Linear algebra and OpenMP, found once: it takes milliseconds."""
    return ThreadpoolController()


def expected_log_secs(prediction: Prediction) -> Vector:
    """log(seconds per success): a candidate that fails every other time is worth one of twice the time."""
    patient: Vector = prediction.log_secs - np.log1p(-np.minimum(prediction.failure, 0.99))
    return patient


def _joined(predictions: list[Prediction]) -> Prediction:
    return Prediction(
        np.concatenate([each.log_secs for each in predictions]),
        np.concatenate([each.deviation for each in predictions]),
        np.concatenate([each.failure for each in predictions]),
    )
