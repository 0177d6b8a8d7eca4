"""The model that knows nothing: every candidate is as good as every other. For comparisons, and for spaces where chance does."""

import numpy as np

from schedule_space import ScheduleSpace
from tuner.cost_models.cost_model import CostModel, Prediction, Vector, register_cost_model
from tuner.cost_models.fixed_features import Matrix


@register_cost_model("none")
def make_no_model(space: ScheduleSpace, seed: int) -> CostModel:
    del space, seed
    return NoModel()


class NoModel:
    def fit(self, rows: Matrix, run_secs: Vector) -> None:
        """Learns nothing."""

    def predict(self, rows: Matrix) -> Prediction:
        nothing = np.zeros(len(rows))
        return Prediction(nothing, nothing, nothing)
