"""Rows for models that need every column to be a number of a common scale. Used by `gaussian_process_model.py` and `forest_model.py`."""

import numpy as np

from tuner.cost_models.cost_model import Vector
from tuner.cost_models.fixed_features import Matrix


class VaryingColumns:
    """The columns that tell the given rows apart, with mean 0 and deviation 1; what is missing stands at the mean."""

    def __init__(self, rows: Matrix) -> None:
        known = np.isfinite(rows)
        count = np.maximum(known.sum(axis=0), 1)
        filled = np.where(known, rows, 0.0)
        mean: Vector = filled.sum(axis=0) / count
        deviation = np.sqrt(np.where(known, np.square(filled - mean), 0.0).sum(axis=0) / count)
        self._columns = np.flatnonzero(deviation > 1e-9)
        self._mean, self._deviation = mean[self._columns], deviation[self._columns]

    @property
    def width(self) -> int:
        return len(self._columns)

    def of(self, rows: Matrix) -> Matrix:
        scaled: Matrix = (rows[:, self._columns] - self._mean) / self._deviation
        return np.nan_to_num(scaled, copy=False)
