"""Candidates as numbers, for the cost model: a whole batch at once, from the decisions alone, without lowering anything.

In: a space and its candidates. Out: one row of float64 per candidate, of a width that depends on the space only: the decisions, then the
quantities by which the space describes a candidate (registers, footprints, traffic, remainders). Next: `tuner/cost_model.py`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schedule_space import Candidate, ScheduleSpace

Matrix = NDArray[np.float64]


class FeatureEncoder:
    """Columns of one parameter: log2 of a number, of each number of a tuple and of their product, or one per choice for words."""

    def __init__(self, space: ScheduleSpace) -> None:
        self._space = space
        self._columns = [(parameter.name, *_columns(parameter.choices)) for parameter in space.parameters]
        self._described = tuple(space.describe(space.default()))

    def encode(self, candidates: Sequence[Candidate]) -> Matrix:
        """Rows of the candidates; a decision that the space no longer offers is not-a-number, which the model reads as missing."""
        decided = [dict(candidate.decisions) for candidate in candidates]
        parts: list[Matrix] = [
            table[np.fromiter((index.get(_hashable(decisions.get(name)), -1) for decisions in decided), np.intp, len(decided))]
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


def _columns(choices: Sequence[Any]) -> tuple[dict[Any, int], Matrix]:
    """The row of each choice in a table; the last row, -1, stands for what is not among them."""
    values = [_hashable(choice) for choice in choices]
    rows = _number_rows(values) if all(_is_numeric(value) for value in values) else np.eye(len(values))
    table = np.vstack([rows, np.full((1, rows.shape[1]), np.nan)])
    return {value: position for position, value in enumerate(values)}, table


def _number_rows(values: Sequence[Any]) -> Matrix:
    tuples = [value if isinstance(value, tuple) else (value,) for value in values]
    width = max((len(numbers) for numbers in tuples), default=0)
    rows = np.full((len(values), width + (width > 1)), 0.0)
    for row, numbers in zip(rows, tuples, strict=True):
        logs = [_log2(number) for number in numbers]
        row[: len(logs)] = logs
        if width > 1:
            row[-1] = sum(logs)
    return rows


def _log2(number: float) -> float:
    """Zero lies one step below one; the sign is kept."""
    if number == 0:
        return -1.0
    return float(np.sign(number) * np.log2(abs(float(number)))) if abs(number) >= 1 else float(number)


def _is_numeric(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(number, int | float) for number in value)
    return isinstance(value, int | float)


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list | tuple) else value


def features(space: ScheduleSpace, candidates: Sequence[Candidate]) -> Matrix:
    """The rows of some candidates; `FeatureEncoder` is the same with the tables kept."""
    return FeatureEncoder(space).encode(candidates)
