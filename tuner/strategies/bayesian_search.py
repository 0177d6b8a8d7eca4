"""Searches that weigh what the model expects against what it does not know: confidence bounds, Thompson sampling, expected improvement.

All of them trust the deviation of the model, and expect less of candidates that may fail. Next: `adaptive_search.py`, the default, which
brings a deviation of its own.
"""

from abc import abstractmethod

import numpy as np
from scipy.special import ndtr

from schedule_space import Candidate
from tuner.cost_models import Prediction, Vector
from tuner.strategies.modelled_search import ModelledSearch, expected_log_secs
from tuner.strategies.search_strategy import register_strategy

FIRST_TRIALS = 8  # random ones beside the default, unless the model knows something before the first of them
CONFIDENCE = 1.0  # deviations below the mean
LEAST_DEVIATION = 1e-3


class _BayesianSearch(ModelledSearch):
    """One acquisition function makes one strategy."""

    def propose(self, count: int) -> list[Candidate]:
        self.learn()
        if len(self.history.observations) < FIRST_TRIALS and not self._has_opinion():
            return self.draw(count)
        candidates, _, prediction = self.climb(lambda prediction: expected_log_secs(prediction) - CONFIDENCE * prediction.deviation)
        return [candidates[position] for position in self.choose(prediction, count)]

    def _has_opinion(self) -> bool:
        around = [self.default, *self.space.neighbours(self.default)]
        return bool(np.ptp(self.model.predict(self.encoder.encode(around)).log_secs) > 0)

    @abstractmethod
    def choose(self, prediction: Prediction, count: int) -> list[int]:
        """Positions of what to measure, all different; the predictions are of the candidates with the lowest bounds, lowest first."""


@register_strategy("lcb")
class ConfidenceBoundSearch(_BayesianSearch):
    """A batch takes bounds of several widths, so that it holds the likely and the unknown."""

    summary = "the model's lower confidence bounds, of several widths in a batch"

    def choose(self, prediction: Prediction, count: int) -> list[int]:
        chosen: dict[int, None] = {}
        for width in CONFIDENCE * np.arange(count) * 2.0 / max(1, count - 1):
            order = np.argsort(expected_log_secs(prediction) - width * prediction.deviation, kind="stable").tolist()
            chosen.update((position, None) for position in [each for each in order if each not in chosen][:1])
        return list(chosen)


@register_strategy("thompson")
class ThompsonSearch(_BayesianSearch):
    """Each of a batch is the fastest in a world drawn from the model's beliefs, the candidates taken as independent."""

    summary = "the fastest in worlds drawn from the model's beliefs"

    def choose(self, prediction: Prediction, count: int) -> list[int]:
        chosen: dict[int, None] = {}
        for _ in range(count):
            drawn = expected_log_secs(prediction) + prediction.deviation * self.rng.standard_normal(len(prediction.log_secs))
            order = np.argsort(drawn, kind="stable").tolist()
            chosen.update((position, None) for position in [each for each in order if each not in chosen][:1])
        return list(chosen)


@register_strategy("ei")
class ExpectedImprovementSearch(_BayesianSearch):
    summary = "the largest expected improvement by the model"

    def choose(self, prediction: Prediction, count: int) -> list[int]:
        best = self.history.ranked()
        known = self.model.predict(self.encoder.encode([best[0].candidate])).log_secs[0] if best else prediction.log_secs.min()
        gain = expected_improvement(known - prediction.log_secs, np.maximum(prediction.deviation, LEAST_DEVIATION))
        order = np.lexsort((expected_log_secs(prediction), -gain * (1.0 - prediction.failure)))
        return [int(position) for position in order[:count]]


def expected_improvement(margin: Vector, deviation: Vector) -> Vector:
    """E[max(0, margin + deviation * standard normal)] (Mockus 1978)."""
    z = margin / deviation
    gain: Vector = deviation * (z * ndtr(z) + np.exp(-np.square(z) / 2.0) / np.sqrt(2.0 * np.pi))
    return gain
