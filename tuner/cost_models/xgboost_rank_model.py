"""Gradient-boosted trees that learn the order of candidates instead of their times: pairwise ranking (LambdaMART without weights).

Scores have no unit, so the least-squares line from the scores of the measured candidates to their log(time) turns them into log(seconds).
In: features and times. Out: `Prediction`.
"""

from typing import Any

import numpy as np
import xgboost

from schedule_space import ScheduleSpace
from tuner.cost_models.cost_model import CostModel, Vector, register_cost_model
from tuner.cost_models.fixed_features import Matrix
from tuner.cost_models.surrogate import Surrogate
from tuner.cost_models.xgboost_model import PARAMETERS, ROUNDS, kept_rows, mean_and_deviation

RANKING = {"objective": "rank:pairwise", "lambdarank_pair_method": "mean"}  # "mean": pairs over the whole list, as before XGBoost 2


@register_cost_model("xgb-rank")
def make_xgboost_rank_model(space: ScheduleSpace, seed: int) -> CostModel:
    del space
    return XGBoostRankModel(seed)


class XGBoostRankModel(Surrogate):
    def __init__(self, seed: int, threads: int = 1) -> None:
        super().__init__(seed)
        self._seed, self._threads = seed % (1 << 31), threads
        self._members: list[Any] = []
        self._lines: list[tuple[float, float]] = []

    def _learn(self, rows: Matrix, labels: Vector) -> None:
        self._members = [self._grow(rows[chosen], labels[chosen], member) for member, chosen in enumerate(kept_rows(len(rows)))]
        self._lines = [_line(member.inplace_predict(rows), labels) for member in self._members]

    def _grow(self, rows: Matrix, labels: Vector, member: int) -> Any:
        parameters = PARAMETERS | RANKING | {"seed": self._seed + member, "nthread": self._threads}
        relevance, one_list = labels.max() - labels, np.zeros(len(rows), np.int32)
        return xgboost.train(parameters, xgboost.DMatrix(rows, label=relevance, qid=one_list, nthread=self._threads), ROUNDS)

    def _estimate(self, rows: Matrix) -> tuple[Vector, Vector]:
        scores = (np.asarray(member.inplace_predict(rows), np.float64) for member in self._members)
        return mean_and_deviation([start + slope * score for (start, slope), score in zip(self._lines, scores, strict=True)])


def _line(scores: Vector, labels: Vector) -> tuple[float, float]:
    """Start and slope of the least-squares line; a higher score never stands for a longer time."""
    centred = scores - scores.mean()
    spread = float(centred @ centred)
    slope = min(float(centred @ labels) / spread, 0.0) if spread > 0 else 0.0
    return float(labels.mean()) - slope * float(scores.mean()), slope
