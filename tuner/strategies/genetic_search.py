"""Genetic search: the fastest candidates are crossed decision by decision, and now and then a decision mutates."""

import numpy as np

from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import ModelFactory
from tuner.strategies.crossing import Breeder
from tuner.strategies.search_strategy import Search, register_strategy

PARENTS = 24
FIRST_GENERATION = 16  # random candidates before the first crossing
TOURNAMENT = 3
ROUNDS = 4  # of children, since some of them will have been measured


@register_strategy("ga")
class GeneticSearch(Search):
    """A steady state: the parents of the next children are the fastest candidates of all that were ever measured."""

    summary = "genetic search on measured times"

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        super().__init__(space, rng, make_model)
        self._breeder = Breeder(space, rng)

    def propose(self, count: int) -> list[Candidate]:
        parents = [observation.candidate for observation in self.history.ranked()[:PARENTS]]
        if len(self.history.observations) < FIRST_GENERATION or len(parents) < 2:
            return self.draw(count)
        children: dict[Candidate, None] = {}
        for _ in range(ROUNDS):
            born = self._breeder.children(parents, _tournament_chances(len(parents)), count)
            children.update((child, None) for child in born if not self.history.is_claimed(child))
            if len(children) >= count:
                break
        return list(children)[:count]


def _tournament_chances(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of each rank to be the best of some drawn at random."""
    worse: np.ndarray[tuple[int], np.dtype[np.float64]] = (np.arange(count, -1, -1) / count) ** TOURNAMENT
    return worse[:-1] - worse[1:]
