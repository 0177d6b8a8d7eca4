"""Children of candidates: decisions of two parents, and now and then a decision of chance. Used by `genetic_search.py` and others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schedule_space import Candidate, Choice, ScheduleSpace

MUTATIONS_PER_CHILD = 1.2
TRIES_PER_CHILD = 20


class Breeder:
    def __init__(self, space: ScheduleSpace, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng

    def children(self, parents: Sequence[Candidate], chances: NDArray[np.float64], count: int) -> list[Candidate]:
        """Up to `count` different valid ones; `chances` of being drawn as a parent add up to 1."""
        found: dict[Candidate, None] = {}
        for _ in range(TRIES_PER_CHILD):
            if len(found) >= count:
                break
            drawn = self._rng.choice(len(parents), size=(count, 2), p=chances).tolist()
            for mother, father in drawn:
                child = self._child(parents[mother], parents[father])
                if len(found) < count and self._space.is_valid(child):
                    found[self._space.candidate(child)] = None
        return list(found)

    def _child(self, mother: Candidate, father: Candidate) -> dict[str, Choice]:
        parameters = self._space.parameters
        chance: Any = self._rng.random((2, len(parameters))).tolist()
        child = {
            hers[0]: (hers if toss < 0.5 else his)[1] for hers, his, toss in zip(mother.decisions, father.decisions, chance[0], strict=True)
        }
        for parameter, toss in zip(parameters, chance[1], strict=True):
            if toss < MUTATIONS_PER_CHILD / len(parameters):
                child[parameter.name] = parameter.choices[int(self._rng.integers(len(parameter.choices)))]
        return child
