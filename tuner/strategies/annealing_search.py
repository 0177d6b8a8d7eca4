"""Simulated annealing on measured times: several walkers step to neighbours, uphill too while the temperature is high."""

from collections.abc import Container, Sequence
from math import exp, log

import numpy as np

from measure import Measurement
from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import ModelFactory
from tuner.strategies.search_strategy import Search, register_strategy

WALKERS = 4
FIRST_TEMPERATURE = 0.1  # of log(seconds): a step to a candidate 1.1 times slower is taken with a chance of 1/e
LAST_TEMPERATURE = 0.02
COOLING_PER_TRIAL = 0.985


class _Walker:
    """Where a walker stands, and the time there; endless until a first candidate of its has one."""

    __slots__ = ("candidate", "run_secs")

    def __init__(self, start: Candidate | None) -> None:
        self.candidate = start
        self.run_secs = float("inf")

    def move(self, candidate: Candidate, run_secs: float) -> None:
        self.candidate, self.run_secs = candidate, run_secs


@register_strategy("anneal")
class AnnealingSearch(Search):
    """The energy is log(seconds). Every other walker starts at the default. Candidates of an earlier session place the walkers."""

    summary = "simulated annealing on measured times"

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        super().__init__(space, rng, make_model)
        self._walkers = [_Walker(self.default if number % 2 else None) for number in range(WALKERS)]
        self._next_walker = 0
        self._steps: dict[Candidate, _Walker] = {}
        self._temperature = FIRST_TEMPERATURE

    def propose(self, count: int) -> list[Candidate]:
        """One step of each walker in turn."""
        proposed: dict[Candidate, None] = {}
        for _ in range(count):
            walker = self._walkers[self._next_walker]
            self._next_walker = (self._next_walker + 1) % len(self._walkers)
            step = self._step(walker, proposed)
            if step is not None:
                proposed[step] = None
                self._steps[step] = walker
        return list(proposed)

    def _step(self, walker: _Walker, taken: Container[Candidate]) -> Candidate | None:
        """A neighbour that nobody has measured; a walker that has none left, or stands nowhere, jumps."""
        if walker.candidate is not None:
            neighbours = self.space.neighbours(walker.candidate)
            free = [neighbour for neighbour in neighbours if neighbour not in taken and not self.history.is_claimed(neighbour)]
            if free:
                return free[int(self.rng.integers(len(free)))]
            walker.move(walker.candidate, float("inf"))
        return next((candidate for candidate in self.draw(1 + WALKERS) if candidate not in taken), None)

    def update(self, results: Sequence[tuple[Candidate, Measurement]]) -> None:
        super().update(results)
        for candidate, measurement in results:
            self._temperature = max(LAST_TEMPERATURE, self._temperature * COOLING_PER_TRIAL)
            if measurement.best_secs is None:
                continue
            standing = [walker for walker in self._walkers if walker.candidate == candidate]
            for walker in standing:
                walker.move(candidate, measurement.best_secs)
            if not standing:
                stepping = self._steps.pop(candidate, None) or max(self._walkers, key=lambda each: each.run_secs)
                self._decide(stepping, candidate, measurement.best_secs)

    def _decide(self, walker: _Walker, candidate: Candidate, run_secs: float) -> None:
        """Metropolis: a better place always, a worse one by chance."""
        if run_secs <= walker.run_secs or self.rng.random() < exp(-log(run_secs / walker.run_secs) / self._temperature):
            walker.move(candidate, run_secs)
