"""What every strategy has to do; one joins by being registered."""

from collections.abc import Callable

import numpy as np
import pytest

from measure import Measurement
from schedule_space import Candidate, ScheduleSpace
from tests.tuner.toy import ToyTemplate, measure_toy, measured, toy_space
from tuner import STRATEGIES, Search, SearchStrategy, make_strategy, register_strategy

MakeStrategy = Callable[..., SearchStrategy]


@pytest.fixture(params=sorted(STRATEGIES))
def make(request: pytest.FixtureRequest) -> MakeStrategy:
    return lambda space, seed=0: make_strategy(request.param, space, np.random.default_rng(seed))


def search(
    strategy: SearchStrategy, space: ScheduleSpace, trials: int, batch: int = 8, measure: Callable[..., Measurement] = measure_toy
) -> list[Candidate]:
    """Suggest and measure until the trials are spent or nothing is suggested any more."""
    seen: list[Candidate] = []
    while len(seen) < trials:
        candidates = strategy.suggest(min(batch, trials - len(seen)))
        if not candidates:
            break
        seen += candidates
        strategy.update([(candidate, measure(space, candidate)) for candidate in candidates])
    return seen


def test_the_default_goes_first(make: MakeStrategy) -> None:
    space = toy_space()
    assert make(space).suggest(4)[0] == space.default()


def test_the_same_seed_suggests_the_same(make: MakeStrategy) -> None:
    space = toy_space()
    assert search(make(space, 5), space, 40) == search(make(space, 5), space, 40)


def test_every_suggestion_is_valid_and_none_comes_twice(make: MakeStrategy) -> None:
    space = toy_space()
    seen = search(make(space), space, 120)
    assert len(seen) == len(set(seen)) == 120
    assert all(space.contains(dict(candidate.decisions)) for candidate in seen)


def test_a_small_space_is_exhausted_exactly(make: MakeStrategy) -> None:
    space = toy_space(ToyTemplate(tiles=(1, 32)))
    strategy = make(space)
    seen = search(strategy, space, 10_000, batch=7)
    assert len(seen) == len(set(seen))
    assert set(seen) == set(space.all())
    assert strategy.suggest(3) == []


def test_suggestions_on_their_way_are_not_repeated(make: MakeStrategy) -> None:
    space = toy_space(ToyTemplate(tiles=(1, 32)))
    strategy = make(space)
    without_news = [candidate for _ in range(40) for candidate in strategy.suggest(3)]
    assert sorted(candidate.key for candidate in without_news) == sorted(candidate.key for candidate in space.all())


def test_what_is_known_from_before_is_not_suggested(make: MakeStrategy) -> None:
    space = toy_space()
    known = [space.default(), *space.sample(np.random.default_rng(9), 60)]
    strategy = make(space)
    strategy.update([(candidate, measure_toy(space, candidate)) for candidate in known])
    seen = search(strategy, space, 80)
    assert not set(known) & set(seen)


def test_failures_only_do_not_stop_it(make: MakeStrategy) -> None:
    space = toy_space()
    seen = search(make(space), space, 60, measure=lambda *_: measured(None))
    assert len(set(seen)) == 60


def test_nothing_asked_nothing_suggested(make: MakeStrategy) -> None:
    assert make(toy_space()).suggest(0) == []


@pytest.mark.parametrize(("name", "trials", "within"), [("xgb", 80, 1.001), ("ga", 150, 1.3), ("anneal", 150, 1.3), ("random", 150, 1.6)])
def test_it_gets_near_the_optimum(name: str, trials: int, within: float) -> None:
    template = ToyTemplate()
    space = toy_space(template)
    for seed in range(3):
        seen = search(make_strategy(name, space, np.random.default_rng(seed)), space, trials)
        times = [secs for candidate in seen if (secs := template.secs(dict(candidate.decisions))) is not None]
        assert min(times) <= within * template.best_secs


def test_names_are_unique_and_unknown_ones_are_told() -> None:
    with pytest.raises(ValueError, match="known: anneal, ga, grid, random, xgb"):
        make_strategy("simplex", toy_space(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="registered twice"):
        register_strategy("xgb")(Search)
