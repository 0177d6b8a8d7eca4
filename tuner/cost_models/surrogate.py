"""What the models of one task share: the labels, the failures, and nothing to say before the first time. Next: the models beside it.

A model over `Surrogate` learns log(seconds) of the rows that have one and estimates it with a deviation; the rest is here.
"""

from abc import ABC, abstractmethod
from math import log

import numpy as np

from tuner.cost_models.cost_model import Prediction, Vector
from tuner.cost_models.failure_model import FailureModel
from tuner.cost_models.fixed_features import Matrix

WORST_RATIO = 32.0  # slower than this times the best is all the same: the model's splits belong to the fast candidates
FAILURE_RATIO = 2.0  # a failed candidate counts as this much slower than the slowest that ran


class Surrogate(ABC):
    """Before the first fit on a time, every log_secs and deviation is zero; then log_secs are logarithms of seconds.

    Where candidates are told apart by their chance to fail, log_secs is the mean over running and failing.
    """

    def __init__(self, seed: int) -> None:
        self._failures = FailureModel(seed)
        self._failed_label: float | None = None

    def fit(self, rows: Matrix, run_secs: Vector) -> None:
        ran = np.isfinite(run_secs)
        self._failures.fit(rows, ~ran)
        if ran.any():
            labels = log_labels(run_secs[ran])
            self._learn(rows[ran], labels)
            self._failed_label = float(labels.max()) + log(FAILURE_RATIO)

    def predict(self, rows: Matrix) -> Prediction:
        failure = self._failures.predict(rows)
        if self._failed_label is None or not len(rows):
            return Prediction(np.zeros(len(rows)), np.zeros(len(rows)), failure)
        log_secs, deviation = self._estimate(rows)
        if self._failures.tells_apart:
            log_secs = log_secs + failure * np.maximum(self._failed_label - log_secs, 0.0)
        return Prediction(log_secs, deviation, failure)

    @abstractmethod
    def _learn(self, rows: Matrix, labels: Vector) -> None:
        """From at least one row; labels are log(seconds)."""

    @abstractmethod
    def _estimate(self, rows: Matrix) -> tuple[Vector, Vector]:
        """log(seconds) and its standard deviation; after `_learn`, of at least one row."""


def log_labels(run_secs: Vector) -> Vector:
    """Logarithms of times; very slow ones count as bad, and no worse.

    >>> np.exp(log_labels(np.array([1.0, 2.0, 1000.0]))).round(3).tolist()
    [1.0, 2.0, 32.0]
    """
    labels: Vector = np.log(np.minimum(run_secs, WORST_RATIO * run_secs.min()))
    return labels
