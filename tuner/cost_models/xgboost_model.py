"""Gradient-boosted trees as a cost model. In: features and times. Out: `Prediction`. Next: `tuner/strategies`."""

from typing import Any

import numpy as np
import xgboost

from schedule_space import ScheduleSpace
from tuner.cost_models.cost_model import CostModel, Prediction, Vector, register_cost_model
from tuner.cost_models.features import Matrix

# 96 trees of depth 6 over 40 features: 25 ms to fit 500 rows, 4 us a row to predict (one thread of a 2-core Zen 5).
BOOSTING_ROUNDS = 96
PARAMETERS = {
    "objective": "reg:squarederror",
    "tree_method": "hist",
    "max_depth": 6,
    "learning_rate": 0.12,
    "min_child_weight": 1,
    "subsample": 0.9,
    "colsample_bytree": 0.8,
    "reg_lambda": 1.0,
    "verbosity": 0,
}
WORST_RATIO = 32.0  # slower than this times the best is all the same: the model's splits belong to the fast candidates
FAILURE_RATIO = 2.0  # a failed candidate counts as this much slower than the slowest that ran


@register_cost_model("xgb")
def make_xgboost_model(space: ScheduleSpace, seed: int) -> CostModel:
    del space
    return XGBoostCostModel(seed)


class XGBoostCostModel:
    """Gradient-boosted trees on log(time / best time). Before the first fit on a time, every prediction is zero."""

    def __init__(self, seed: int, threads: int = 1) -> None:
        self._parameters: dict[str, Any] = PARAMETERS | {"seed": seed % (1 << 31), "nthread": threads}
        self._booster: Any = None

    def fit(self, rows: Matrix, run_secs: Vector) -> None:
        ran = np.isfinite(run_secs)
        if not ran.any():
            return
        ratios = np.full(len(run_secs), np.nan)
        ratios[ran] = np.minimum(run_secs[ran] / run_secs[ran].min(), WORST_RATIO)
        ratios[~ran] = ratios[ran].max() * FAILURE_RATIO
        data = xgboost.DMatrix(rows, label=np.log(ratios), nthread=self._parameters["nthread"])
        self._booster = xgboost.train(self._parameters, data, BOOSTING_ROUNDS)

    def predict(self, rows: Matrix) -> Prediction:
        nothing = np.zeros(len(rows))
        if self._booster is None or not len(rows):
            return Prediction(nothing, nothing, nothing)
        return Prediction(np.asarray(self._booster.inplace_predict(rows), np.float64), nothing, nothing)
