"""The default search. A Gaussian process over decisions and features says what is not known; the cost model shares in what is expected.

default -> again and again: fit both; grow a pool by the neighbours of its best; take the candidate with the lowest confidence bound,
believe it measured, take the next

What the cost model knows before the first measurement (records of other workloads, a shipped model) is the prior of the process.
Next: `tuner/tune.py`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import Matrix, ModelFactory, Vector
from tuner.strategies.local_model import DecisionKernel, LocalModel, Place, feature_places
from tuner.strategies.modelled_search import ModelledSearch
from tuner.strategies.search_strategy import register_strategy

POOL = 320
FIRST_DRAWS = 512
FRESH_DRAWS = 12
CLIMBERS = 8
CLIMBING_STEPS = 3
FINALISTS = 96  # of the pool, from which a batch is chosen
FIRST_BATCH, TRIALS_PER_WIDENING = 2, 12  # a batch holds one candidate more for each so many that are known or on their way
STRANGE_LEVEL = 0.8  # log of how much slower than the default a candidate is expected to be that resembles nothing known
WORST_LOG = 1.4  # what is slower than 4 times the best is all the same, failures too
CONFIDENCE = 1.0  # deviations
MODEL_FROM = 12  # measurements, before the cost model has a say in the mean
REFIT_AFTER, REFITS_PER_DOUBLING = 6, 8  # measurements until the cost model is fitted again; the process takes in each
JUDGED = 24  # of the last predictions decide how much either model is trusted
DOUBTS = 4  # predictions that each model is taken to have made before, with
LOCAL_DOUBT, MODEL_DOUBT = 0.1, 0.2  # errors of log(seconds)
LOCAL_MEASUREMENTS = 96  # the fastest, that the process is fitted to


@register_strategy("adaptive")
class AdaptiveSearch(ModelledSearch):
    summary = "a local model's confidence bounds, with the cost model: the default"

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        super().__init__(space, rng, make_model)
        self._kernel = DecisionKernel(space)
        self._before = make_model(space, 0)  # never fitted: what was known before
        self._like: Matrix | None = None
        self._has_prior = False
        self._known = self._pooled = Place.nowhere(len(space.parameters))
        self._foretold: dict[Candidate, tuple[float, float]] = {}
        self._share = 0.0  # of the cost model in the mean
        self._level = 0.0  # of the cost model, whose constant is its own

    def batch_limit(self) -> int:
        """Small while every measurement still changes the plan."""
        return FIRST_BATCH + (len(self.history.observations) + len(self.history.pending)) // TRIALS_PER_WIDENING

    def propose(self, count: int) -> list[Candidate]:
        measured = len(self.history.observations)
        if measured >= MODEL_FROM:
            self.learn(max(REFIT_AFTER, measured // REFITS_PER_DOUBLING))
        self._refill()
        if not self.pool.candidates:
            return []
        local = self._fit(self.history.pending)
        means = self._climb(local)
        place, means = self._pooled.take(np.arange(min(FINALISTS, len(self.pool)))), means[:FINALISTS]
        _, variance, learnt = local.predict(place)
        chosen = self._choose(local, place, self._mixed(means), variance, learnt, count)
        for position in chosen:
            self._foretold[self.pool.candidates[position]] = (float(means[position, 0]), float(means[position, 1]))
        return [self.pool.candidates[position] for position in chosen]

    def _refill(self) -> None:
        self._pooled = self._pooled.take(self.pool.drop(self.history.is_claimed))
        fresh = self.draw(FRESH_DRAWS if self._like is not None else FIRST_DRAWS)
        if self._like is None:
            self._like = self.encoder.encode([self.default, *fresh])
            self._has_prior = bool(np.ptp(self._before.predict(self._like).log_secs))
        self._add(fresh)

    def _add(self, candidates: Sequence[Candidate]) -> None:
        known = len(self.pool)
        rows = self.pool.add(candidates)
        self._pooled = self._pooled.joined(self._place(self.pool.candidates[known:], rows))

    def _place(self, candidates: Sequence[Candidate], rows: Matrix) -> Place:
        assert self._like is not None
        if not candidates:
            return self._known.take(np.zeros(0, np.intp))
        points = np.array([self.space.point(candidate) for candidate in candidates], np.intp)
        prior = self._before.predict(rows).log_secs - self._before.predict(self._like[:1]).log_secs[0]
        return Place(points, feature_places(rows, self._like), np.minimum(prior, WORST_LOG))

    def _fit(self, pending: list[Candidate]) -> LocalModel:
        """To the logarithm of times over that of the default; failures are as slow as the slowest."""
        rows, done = self.measured_rows(), len(self._known)
        self._known = self._known.joined(self._place([each.candidate for each in self.history.observations[done:]], rows[done:]))
        secs = self.history.run_secs()
        log_secs = np.log(secs / self._base(secs))
        worst = np.nanmin(log_secs) + WORST_LOG if np.isfinite(secs).any() else WORST_LOG
        log_secs = np.where(np.isfinite(secs), np.minimum(log_secs, worst), worst)
        kept = np.sort(np.argsort(log_secs, kind="stable")[:LOCAL_MEASUREMENTS])
        self._share = self._judge(log_secs)
        if self._share:
            self._level = float(np.mean(log_secs[kept] - self.model.predict(rows[kept]).log_secs))
        level = 0.0 if self._has_prior else STRANGE_LEVEL
        return LocalModel(self._kernel, self._known.take(kept), log_secs[kept], self._place(pending, self.encoder.encode(pending)), level)

    def _base(self, secs: Vector) -> float:
        """The time of the default; of a typical candidate where that failed."""
        default = next((each.run_secs for each in self.history.observations if each.candidate == self.default), None)
        return default or (float(np.nanmedian(secs)) if np.isfinite(secs).any() else 1.0)

    def _judge(self, log_secs: Vector) -> float:
        """The share of the cost model, by the squared errors of both in foretelling what was measured since."""
        if len(log_secs) < MODEL_FROM:
            return 0.0
        told = [(self._foretold.get(each.candidate), secs) for each, secs in zip(self.history.observations, log_secs, strict=True)]
        errors = np.array([[one[0] - secs, one[1] - secs] for one, secs in told if one is not None]).reshape(-1, 2)[-JUDGED:]
        local, model = np.square(errors).sum(axis=0) + DOUBTS * np.square([LOCAL_DOUBT, MODEL_DOUBT])
        return float(local / (local + model))

    def _climb(self, local: LocalModel) -> Matrix:
        """Grows the pool by the neighbours of the candidates with the lowest bounds, and sorts it by them; the means of both models."""
        climbers = [observation.candidate for observation in self.history.ranked()[:CLIMBERS]] or [self.default]
        climbed: set[Candidate] = set()
        means, bounds = np.zeros((0, 2)), np.zeros(0)
        for step in range(CLIMBING_STEPS + 1):
            new = np.arange(len(bounds), len(self.pool))
            mean, variance, _ = local.predict(self._pooled.take(new))
            both = np.stack([mean, self._by_model(self.pool.rows[new], mean)], axis=1)
            means = np.concatenate([means, both])
            bounds = np.concatenate([bounds, self._mixed(both) - CONFIDENCE * np.sqrt(variance)])
            order = np.argsort(bounds, kind="stable")
            if step < CLIMBING_STEPS:
                climbed.update(climbers)
                self._add(self.unclaimed_neighbours(climbers))
                ahead = (self.pool.candidates[position] for position in order[: 4 * CLIMBERS])
                climbers = [candidate for candidate in ahead if candidate not in climbed][:CLIMBERS]
        kept: NDArray[np.intp] = order[:POOL]
        self.pool.keep(kept)
        self._pooled = self._pooled.take(kept)
        return means[kept]

    def _by_model(self, rows: Matrix, otherwise: Vector) -> Vector:
        """What the cost model expects, on the scale of the process."""
        return self.model.predict(rows).log_secs + self._level if self._share and len(rows) else otherwise

    def _mixed(self, means: Matrix) -> Vector:
        """The mean of both, weighted by how well they foretold."""
        mixed: Vector = means @ np.array([1.0 - self._share, self._share])
        return mixed

    def _choose(self, local: LocalModel, place: Place, mean: Vector, variance: Vector, learnt: Matrix, count: int) -> list[int]:
        """One after the other by the lowest bound; after each the variances are as if it had been measured, where it was expected."""
        chosen: list[int] = []
        free = np.ones(len(mean), bool)
        covariances: list[Vector] = []
        for _ in range(min(count, len(mean))):
            bounds = np.where(free, mean - CONFIDENCE * np.sqrt(np.maximum(variance, 1e-8)), np.inf)
            best = int(bounds.argmin())
            free[best] = False
            chosen.append(best)
            shared = local.covariance(place, learnt, best) - sum((each * each[best] for each in covariances), np.zeros(len(mean)))
            column = shared / np.sqrt(max(float(variance[best]), 1e-8) + local.noise**2)
            covariances.append(column)
            variance = variance - np.square(column)
        return chosen
