"""Candidates as numbers, for the cost model: a whole batch at once, from the decisions alone, without lowering anything.

In: a space and its candidates. Out: one row of float64 per candidate, of a width that depends on the space only: the decisions, then the
quantities by which the space describes a candidate (registers, footprints, traffic, remainders). Next: `tuner/cost_models/cost_model.py`.
"""

from collections.abc import Sequence
from math import log2

import numpy as np
from numpy.typing import NDArray

from schedule_space import Candidate, Choice, ScheduleSpace

Matrix = NDArray[np.float64]


class FeatureEncoder:
    """Columns of one parameter: log2 of a number, or one per choice for words."""

    def __init__(self, space: ScheduleSpace) -> None:
        self._space = space
        self._columns = [(parameter.name, *_columns(parameter.choices)) for parameter in space.parameters]
        self._described = tuple(space.describe(space.default()))

    def encode(self, candidates: Sequence[Candidate]) -> Matrix:
        """Rows of the candidates; a decision that the space no longer offers is not-a-number, which the model reads as missing."""
        decided = [dict(candidate.decisions) for candidate in candidates]
        parts: list[Matrix] = [
            table[np.fromiter((index.get(decisions[name], -1) for decisions in decided), np.intp, len(decided))]
            for name, index, table in self._columns
        ]
        if self._described:
            quantities = [self._space.describe(candidate) for candidate in candidates]
            flat = np.fromiter(
                (each[name] for each in quantities for name in self._described), np.float64, len(candidates) * len(self._described)
            )
            parts.append(_log2_of_quantities(flat.reshape(len(candidates), len(self._described))))
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(candidates), 0))


def _log2_of_quantities(quantities: Matrix) -> Matrix:
    """Bytes and counts span decades, shares lie below one: log2(1 + |x|) with the sign serves both."""
    logs: Matrix = np.sign(quantities) * np.log2(1.0 + np.abs(quantities))
    return logs


def _columns(choices: Sequence[Choice]) -> tuple[dict[Choice, int], Matrix]:
    """The row of each choice in a table; the last row, -1, stands for what is not among them."""
    words = any(isinstance(choice, str) for choice in choices)
    rows = np.eye(len(choices)) if words else np.array([[_number(choice)] for choice in choices], np.float64)
    table = np.vstack([rows, np.full((1, rows.shape[1]), np.nan)])
    return {choice: position for position, choice in enumerate(choices)}, table


def _number(choice: Choice) -> float:
    """log2 of a size; zero lies one step below one. A truth value is 0 or 1."""
    if isinstance(choice, bool):
        return float(choice)
    return log2(int(choice)) if int(choice) > 0 else int(choice) - 1.0


def features(space: ScheduleSpace, candidates: Sequence[Candidate]) -> Matrix:
    """The rows of some candidates; `FeatureEncoder` is the same with the tables kept."""
    return FeatureEncoder(space).encode(candidates)
