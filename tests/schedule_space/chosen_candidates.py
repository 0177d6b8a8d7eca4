"""Candidates that make given decisions, and random ones for the rest."""

from collections.abc import Callable

import numpy as np

from schedule_space import Candidate, Decisions, ScheduleSpace

DRAWS = 500


def with_choices(
    space: ScheduleSpace, fixed: Decisions, rng: np.random.Generator, wanted: Callable[[Candidate], bool] = lambda _: True
) -> Candidate | None:
    """A valid one, and a wanted one; None if there is none among many draws."""
    for _ in range(DRAWS):
        drawn = {parameter.name: parameter.choices[rng.integers(len(parameter.choices))] for parameter in space.parameters}
        if space.is_valid({**drawn, **fixed}) and wanted(candidate := space.candidate({**drawn, **fixed})):
            return candidate
    return None
