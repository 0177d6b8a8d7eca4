"""Candidates as positions in their parameters' choices, and these as one array of choices per parameter. Used by `space.py`."""

from collections.abc import Sequence
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from schedule_space.candidate import Candidate, Choice, Parameter
from schedule_space.quantities import Columns

Positions = NDArray[np.intp]
"""One row per candidate, one column per parameter."""
UNKNOWN = -1


class _PositionOf(dict[tuple[str, Choice], int]):
    """Position of a choice of the parameter of that name. A dict that answers by itself is asked without a step through Python."""

    def __missing__(self, pair: tuple[str, Choice]) -> int:
        return UNKNOWN


class DecisionColumns:
    """The tables of one space."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self._names = tuple(parameter.name for parameter in self.parameters)
        self._index = _PositionOf(
            ((parameter.name, choice), position) for parameter in self.parameters for position, choice in enumerate(parameter.choices)
        )

    @cached_property
    def _choices(self) -> tuple[NDArray[np.generic], ...]:
        return tuple(np.array(parameter.choices) for parameter in self.parameters)

    def positions(self, candidates: Sequence[Candidate]) -> Positions:
        """`UNKNOWN` stands for a choice that the space does not offer, or for a decision that the candidate does not make."""
        width = len(self.parameters)
        pairs = chain.from_iterable(
            candidate.decisions if len(candidate.decisions) == width else self._aligned(candidate) for candidate in candidates
        )
        flat = np.fromiter(map(self._index.__getitem__, pairs), np.intp, width * len(candidates))
        return flat.reshape(len(candidates), width)

    def _aligned(self, candidate: Candidate) -> list[tuple[str, Choice]]:
        decisions = dict(candidate.decisions)
        return [(name, decisions.get(name, "")) for name in self._names]

    def columns(self, positions: Positions) -> Columns:
        """The choices at the positions; the first one where it is unknown."""
        known = np.maximum(positions, 0)
        return {name: choices[known[:, column]] for column, (name, choices) in enumerate(zip(self._names, self._choices, strict=True))}
