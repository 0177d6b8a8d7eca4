"""Candidates that a model may choose from, with their features, computed once each. Used by `modelled_search.py`."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from schedule_space import Candidate
from tuner.cost_models import FeatureEncoder, Matrix


class CandidatePool:
    """candidates and rows stand in the same order, that of arrival; each candidate once."""

    def __init__(self, encoder: FeatureEncoder) -> None:
        self._encoder = encoder
        self.candidates: list[Candidate] = []
        self.rows: Matrix = encoder.encode([])
        self._members: set[Candidate] = set()

    def __len__(self) -> int:
        return len(self.candidates)

    def add(self, candidates: Iterable[Candidate]) -> Matrix:
        """The rows of those that are new."""
        new = list(dict.fromkeys(candidate for candidate in candidates if candidate not in self._members))
        rows = self._encoder.encode(new)
        self.candidates += new
        self._members.update(new)
        self.rows = np.concatenate([self.rows, rows])
        return rows

    def keep(self, positions: NDArray[np.intp]) -> None:
        """Forgets all others; the order becomes that of `positions`."""
        self.candidates = [self.candidates[position] for position in positions]
        self._members = set(self.candidates)
        self.rows = self.rows[positions]

    def drop(self, unwanted: Callable[[Candidate], bool]) -> NDArray[np.intp]:
        """The former positions of those that are left."""
        kept = np.array([position for position, candidate in enumerate(self.candidates) if not unwanted(candidate)], np.intp)
        self.keep(kept)
        return kept
