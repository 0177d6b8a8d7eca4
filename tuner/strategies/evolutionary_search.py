"""Evolutionary search on predicted times: a population is crossed and mutated for some generations before anything of it is measured.

After Ansor (Zheng et al., OSDI 2020, section 5.1): parents are drawn by predicted fitness, the fastest measured candidates take part, and
a small share of each batch is random.
"""

import numpy as np

from schedule_space import Candidate
from tuner.cost_models import Vector
from tuner.strategies.crossing import Breeder
from tuner.strategies.modelled_search import ModelledSearch, expected_log_secs
from tuner.strategies.search_strategy import register_strategy

POPULATION = 192
GENERATIONS = 3
RANDOM_SHARE = 0.05
MEASURED_PARENTS = 32
FITNESS_SCALE = 0.15  # of log(seconds): a candidate 1.16 times slower is drawn 1/e times as often


@register_strategy("evolution")
class EvolutionarySearch(ModelledSearch):
    """Of all the candidates of all generations, those with the least predicted time are measured."""

    summary = "evolve a population on predicted times (as Ansor does), measure its best"

    def propose(self, count: int) -> list[Candidate]:
        if not self.history.observations:
            return self.draw(count)
        self.learn()
        breeder = Breeder(self.space, self.rng)
        parents = [observation.candidate for observation in self.history.ranked()[:MEASURED_PARENTS]]
        parents += self.pool.candidates[: POPULATION // 2]
        population = list(dict.fromkeys(parents + self.draw(POPULATION - min(POPULATION // 2, len(parents)))))
        for _ in range(GENERATIONS):
            rows = self.encoder.encode(population)
            fitness = expected_log_secs(self.model.predict(rows))
            self.pool.add(candidate for candidate in population if not self.history.is_claimed(candidate))
            population = breeder.children(population, _chances(fitness), POPULATION)
        self.pool.add(candidate for candidate in population if not self.history.is_claimed(candidate))
        self.pool.drop(self.history.is_claimed)
        order = np.argsort(expected_log_secs(self.model.predict(self.pool.rows)), kind="stable")
        self.pool.keep(order[: 2 * POPULATION])
        chance = int(self.rng.binomial(count, RANDOM_SHARE))
        best = self.pool.candidates[: count - chance]
        return best + self.draw(chance)


def _chances(fitness: Vector) -> Vector:
    weights = np.exp(-(fitness - fitness.min()) / FITNESS_SCALE)
    chances: Vector = weights / weights.sum()
    return chances
