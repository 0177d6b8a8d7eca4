"""Grid search: the whole space in its own order, for spaces that are small enough to be measured through."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import ModelFactory
from tuner.strategies.search_strategy import Search, register_strategy


@register_strategy("grid")
class GridSearch(Search):
    summary = "the whole space in its order"

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        super().__init__(space, rng, make_model)
        self._grid: Iterator[Candidate] = space.all()

    def propose(self, count: int) -> list[Candidate]:
        unclaimed = (candidate for candidate in self._grid if not self.history.is_claimed(candidate))
        return list(islice(unclaimed, count))
