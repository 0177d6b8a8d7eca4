"""Candidates as numbers, for the cost model: a whole batch at once, from the decisions alone, without lowering anything.

In: a space and its candidates. Out: one row of float64 per candidate: the decisions, as many columns as the space needs, then the fixed
columns, the same ones for every space (`fixed_features.py`). A model of one task learns from all of them, one that is carried over from
task to task from the fixed ones only. Next: `tuner/cost_models/cost_model.py`.
"""

from collections.abc import Sequence
from math import log2

import numpy as np

from schedule_space import UNKNOWN, Candidate, Choice, Positions, ScheduleSpace
from tuner.cost_models.fixed_features import FIXED_WIDTH, FixedFeatures, Matrix


class FeatureEncoder:
    """Columns of one parameter: log2 of a number, or one per choice for words."""

    def __init__(self, space: ScheduleSpace) -> None:
        self._decisions = space.decision_columns
        self._fixed = FixedFeatures(space)
        self._tables = [_table(parameter.choices) for parameter in space.parameters]
        self.width = sum(table.shape[1] for table in self._tables) + FIXED_WIDTH

    def encode(self, candidates: Sequence[Candidate]) -> Matrix:
        """Rows of the candidates; a decision that the space no longer offers is not-a-number, as are what follows from it."""
        return self.encode_positions(self._decisions.positions(candidates))

    def encode_positions(self, positions: Positions) -> Matrix:
        """The same of candidates given as positions in the choices of the parameters."""
        rows = np.empty((len(positions), self.width))
        if not len(positions):
            return rows
        start = 0
        for parameter, table in enumerate(self._tables):
            rows[:, start : start + table.shape[1]] = table[positions[:, parameter]]
            start += table.shape[1]
        rows[:, start:] = self._fixed.of(self._decisions.columns(positions), len(positions))
        rows[(positions == UNKNOWN).any(axis=1), start:] = np.nan
        return rows


def fixed_part(rows: Matrix) -> Matrix:
    """The fixed columns of encoded rows."""
    return rows[:, rows.shape[1] - FIXED_WIDTH :]


def _table(choices: Sequence[Choice]) -> Matrix:
    """The columns of each choice; the last row, at `UNKNOWN`, stands for what is not among them."""
    words = any(isinstance(choice, str) for choice in choices)
    rows = np.eye(len(choices)) if words else np.array([[_number(choice)] for choice in choices], np.float64)
    return np.vstack([rows, np.full((1, rows.shape[1]), np.nan)])


def _number(choice: Choice) -> float:
    """log2 of a size; zero lies one step below one. A truth value is 0 or 1."""
    if isinstance(choice, bool):
        return float(choice)
    return log2(int(choice)) if int(choice) > 0 else int(choice) - 1.0


def features(space: ScheduleSpace, candidates: Sequence[Candidate]) -> Matrix:
    """The rows of some candidates; `FeatureEncoder` is the same with the tables kept."""
    return FeatureEncoder(space).encode(candidates)
