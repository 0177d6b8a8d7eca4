"""Random forests and extremely randomised trees as cost models, from scikit-learn. In: features and times. Out: `Prediction`.

The deviation is the spread of the trees (Hutter et al., "Algorithm runtime prediction", 2014, use the same).
"""

from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from schedule_space import ScheduleSpace
from tuner.cost_models.cost_model import CostModel, Vector, register_cost_model
from tuner.cost_models.fixed_features import Matrix
from tuner.cost_models.surrogate import Surrogate
from tuner.cost_models.varying_columns import VaryingColumns

TREES = 32


@register_cost_model("forest")
def make_random_forest(space: ScheduleSpace, seed: int) -> CostModel:
    """Every tree sees another bootstrap of the rows, every split a third of the columns."""
    del space
    return ForestModel(RandomForestRegressor(n_estimators=TREES, max_features=0.33, n_jobs=1, random_state=seed % (1 << 31)), seed)


@register_cost_model("extra-trees")
def make_extra_trees(space: ScheduleSpace, seed: int) -> CostModel:
    """Every tree sees all rows and cuts at random thresholds, the best of those of half of the columns."""
    del space
    return ForestModel(ExtraTreesRegressor(n_estimators=TREES, max_features=0.5, n_jobs=1, random_state=seed % (1 << 31)), seed)


class ForestModel(Surrogate):
    def __init__(self, forest: Any, seed: int) -> None:
        super().__init__(seed)
        self._forest = forest
        self._columns: VaryingColumns | None = None
        self._single_label = 0.0

    def _learn(self, rows: Matrix, labels: Vector) -> None:
        columns = VaryingColumns(rows)
        self._columns = columns if columns.width else None
        self._single_label = float(labels.mean())
        if columns.width:
            self._forest.fit(columns.of(rows).astype(np.float32), labels)

    def _estimate(self, rows: Matrix) -> tuple[Vector, Vector]:
        if self._columns is None:
            return np.full(len(rows), self._single_label), np.zeros(len(rows))
        given = self._columns.of(rows).astype(np.float32)
        table = np.stack([tree.tree_.predict(given).ravel() for tree in self._forest.estimators_])
        return table.mean(axis=0), table.std(axis=0)
