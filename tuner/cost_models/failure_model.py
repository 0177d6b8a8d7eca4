"""How likely a candidate is to have no time: it does not compile, crashes or computes the wrong answer. Used by `surrogate.py`."""

from typing import Any

import numpy as np
import xgboost

from tuner.cost_models.cost_model import Vector
from tuner.cost_models.fixed_features import Matrix

LEAST_FAILURES = 2  # with fewer, what they have in common is chance
ROUNDS = 24
PARAMETERS = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "learning_rate": 0.3, "verbosity": 0}


class FailureModel:
    """A classifier where candidates have failed and others have not; else the smoothed share of failures (Jeffreys' prior), 0 at first."""

    def __init__(self, seed: int, threads: int = 1) -> None:
        self._parameters: dict[str, Any] = PARAMETERS | {"seed": seed % (1 << 31), "nthread": threads}
        self._booster: Any = None
        self._share = 0.0

    def fit(self, rows: Matrix, failed: Vector) -> None:
        """failed: a truth value per row."""
        count = int(failed.sum())
        self._share = (count + 0.5) / (len(rows) + 1.0) if len(rows) else 0.0
        self._booster = None
        if LEAST_FAILURES <= count < len(rows):
            data = xgboost.DMatrix(rows, label=failed, nthread=self._parameters["nthread"])
            self._booster = xgboost.train(self._parameters, data, ROUNDS)

    @property
    def tells_apart(self) -> bool:
        """Whether candidates differ in their chance to fail, as far as is known."""
        return self._booster is not None

    def predict(self, rows: Matrix) -> Vector:
        if self._booster is None or not len(rows):
            return np.full(len(rows), self._share)
        return np.asarray(self._booster.inplace_predict(rows), np.float64)
