"""What a search is: it suggests candidates and is told what came of them. Pure: no clock, no process, no randomness but its generator.

A strategy is a class over `Search`, registered under the name that people choose it by, and joins the conformance tests by that alone.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import ClassVar, Protocol, TypeVar

import numpy as np

from measure import Measurement
from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import ModelFactory, model_factory
from tuner.strategies.history import History

SMALL_SPACE = 1000  # points that are listed rather than drawn by chance
DRAWING_ROUNDS = 6
EXTRA_DRAWS = 4
DEFAULT_MODEL = "xgb"
DEFAULT_STRATEGY = "adaptive"


class SearchStrategy(Protocol):
    def suggest(self, count: int) -> list[Candidate]:
        """Up to `count` candidates that were neither suggested nor measured before; none when the space is exhausted."""

    def update(self, results: Sequence[tuple[Candidate, Measurement]]) -> None:
        """What came of candidates, in any order and number: of its own suggestions, or of an earlier session."""


class Search(ABC):
    """What all strategies share: the space's default goes first, nothing twice, and a strategy short of ideas is helped out by chance.

    summary: the strategy in one line, for people.
    """

    summary: ClassVar[str]

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        self.space = space
        self.rng = rng
        self.make_model = make_model
        self.history = History()
        self.default = space.default()
        self._all: list[Candidate] | None = None
        self._rest: Iterator[Candidate] | None = None

    def suggest(self, count: int) -> list[Candidate]:
        count = min(count, self.batch_limit())
        chosen = [self.default] if count > 0 and self.history.claim(self.default) else []
        if len(chosen) < count:
            chosen += [candidate for candidate in self.propose(count - len(chosen)) if self.history.claim(candidate)]
        if len(chosen) < count:
            chosen += [candidate for candidate in self.draw(count - len(chosen)) if self.history.claim(candidate)]
        return chosen + self._take_rest(count - len(chosen))

    def batch_limit(self) -> int:
        """How many candidates the search wants to suggest at most before it hears of them; at least one."""
        return sys.maxsize

    def update(self, results: Sequence[tuple[Candidate, Measurement]]) -> None:
        self.history.add(results)

    @abstractmethod
    def propose(self, count: int) -> Sequence[Candidate]:
        """At most `count` candidates, better ones first; those that were suggested before are dropped by the caller."""

    def draw(self, count: int) -> list[Candidate]:
        """Up to `count` random candidates that nobody has claimed yet, all different; fewer when chance hardly finds any."""
        if self.space.size <= SMALL_SPACE:
            return self._draw_from_all(count)
        found: dict[Candidate, None] = {}
        for _ in range(DRAWING_ROUNDS):
            drawn = self.space.sample(self.rng, count + EXTRA_DRAWS)
            found.update((candidate, None) for candidate in drawn if not self.history.is_claimed(candidate))
            if len(found) >= count or len(drawn) < count:
                break
        return list(found)[:count]

    def _draw_from_all(self, count: int) -> list[Candidate]:
        """The same where the space is small enough to be kept as a list."""
        if self._all is None:
            self._all = list(self.space.all())
        self._all = [candidate for candidate in self._all if not self.history.is_claimed(candidate)]
        return [self._all[position] for position in self.rng.permutation(len(self._all))[:count]]

    def _take_rest(self, count: int) -> list[Candidate]:
        """Claims what is left of the space, in its order, going on from where the last call stopped."""
        if self._rest is None:
            self._rest = self.space.all()
        unclaimed = (candidate for candidate in self._rest if self.history.claim(candidate))
        return list(islice(unclaimed, max(0, count)))


STRATEGIES: dict[str, type[Search]] = {}
ALIASES = {"xgb": DEFAULT_STRATEGY}  # what a strategy was called in earlier versions
SearchClass = TypeVar("SearchClass", bound=type[Search])


def register_strategy(name: str) -> Callable[[SearchClass], SearchClass]:
    """Class decorator: the name that people choose the strategy by."""

    def register(cls: SearchClass) -> SearchClass:
        if name in STRATEGIES or name in ALIASES:
            raise ValueError(f"strategy {name!r} is registered twice")
        STRATEGIES[name] = cls
        return cls

    return register


def make_strategy(name: str, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory | None = None) -> SearchStrategy:
    """A strategy by name, for one task; `make_model` makes the cost model of those that ask one."""
    known = ALIASES.get(name, name)
    if known not in STRATEGIES:
        raise ValueError(f"unknown tuner {name!r}; known: {', '.join(sorted(STRATEGIES))}")
    return STRATEGIES[known](space, rng, make_model or model_factory(DEFAULT_MODEL))
