"""Genetic search: the fastest candidates are crossed decision by decision, and now and then a decision mutates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from schedule_space import Candidate
from tuner.strategies.history import Observation
from tuner.strategies.search_strategy import Search, register_strategy

PARENTS = 24
FIRST_GENERATION = 16  # random candidates before the first crossing
TOURNAMENT = 3
MUTATIONS_PER_CHILD = 1.2
TRIES_PER_CHILD = 20


@register_strategy("ga")
class GeneticSearch(Search):
    """A steady state: the parents of the next children are the fastest candidates of all that were ever measured."""

    def propose(self, count: int) -> list[Candidate]:
        if len(self.history.observations) < FIRST_GENERATION:
            return self.draw(count)
        parents = self.history.ranked()[:PARENTS]
        if len(parents) < 2:
            return self.draw(count)
        children: dict[Candidate, None] = {}
        for _ in range(TRIES_PER_CHILD * count):
            if len(children) >= count:
                break
            child = self._mutate(self._cross(self._choose_parent(parents), self._choose_parent(parents)))
            if self.space.is_valid(child):
                candidate = self.space.candidate(child)
                if not self.history.is_claimed(candidate):
                    children[candidate] = None
        return list(children)

    def _choose_parent(self, ranked: Sequence[Observation]) -> dict[str, Any]:
        """The fastest of a few drawn at random."""
        return dict(ranked[int(self.rng.integers(len(ranked), size=TOURNAMENT).min())].candidate.decisions)

    def _cross(self, mother: dict[str, Any], father: dict[str, Any]) -> dict[str, Any]:
        from_mother = self.rng.random(len(mother)) < 0.5
        return {name: mother[name] if hers else father.get(name, mother[name]) for name, hers in zip(mother, from_mother, strict=True)}

    def _mutate(self, child: dict[str, Any]) -> dict[str, Any]:
        parameters = self.space.parameters
        mutates = self.rng.random(len(parameters)) < MUTATIONS_PER_CHILD / max(1, len(parameters))
        for parameter in np.asarray(parameters, dtype=object)[mutates] if len(parameters) else ():
            child[parameter.name] = parameter.choices[int(self.rng.integers(len(parameter.choices)))]
        return child
