"""What one search knows: which candidates it has asked for, and what was measured of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measure import Measurement
from schedule_space import Candidate


@dataclass(frozen=True, slots=True)
class Observation:
    """run_secs: None where the candidate failed."""

    candidate: Candidate
    run_secs: float | None


class History:
    """Observations in the order of arrival; each candidate is claimed at most once."""

    def __init__(self) -> None:
        self._claimed: set[Candidate] = set()
        self._pending: dict[Candidate, None] = {}
        self.observations: list[Observation] = []

    def is_claimed(self, candidate: Candidate) -> bool:
        """Measured, or proposed and on its way."""
        return candidate in self._claimed

    def claim(self, candidate: Candidate) -> bool:
        """False where somebody was faster."""
        if candidate in self._claimed:
            return False
        self._claimed.add(candidate)
        self._pending[candidate] = None
        return True

    @property
    def pending(self) -> list[Candidate]:
        """On their way, in the order in which they were proposed."""
        return list(self._pending)

    def add(self, results: Iterable[tuple[Candidate, Measurement]]) -> None:
        for candidate, measurement in results:
            self._claimed.add(candidate)
            self._pending.pop(candidate, None)
            self.observations.append(Observation(candidate, measurement.best_secs))

    def ranked(self) -> list[Observation]:
        """Those with a time, fastest first."""
        timed = [
            (observation.run_secs, position) for position, observation in enumerate(self.observations) if observation.run_secs is not None
        ]
        return [self.observations[position] for _, position in sorted(timed)]

    def run_secs(self) -> NDArray[np.float64]:
        """Of every observation, not-a-number where it failed."""
        return np.array([np.nan if each.run_secs is None else each.run_secs for each in self.observations], np.float64)
