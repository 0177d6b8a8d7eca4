"""The baseline keeps to AutoTVM's schedule: plans of 64, measured to the end, before the next fit."""

import numpy as np

from tests.tuner.toy import measure_toy, toy_space
from tuner.strategies import AutoTvmSearch


def nobody_knows(*_: object) -> None:
    """AutoTVM's model is its own."""


def test_the_first_plan_is_random_and_the_next_are_better() -> None:
    space = toy_space()
    search = AutoTvmSearch(space, np.random.default_rng(3), nobody_knows)  # type: ignore[arg-type]
    plans = []
    for _ in range(3):
        times = []
        while len(times) < 64:
            candidates = search.suggest(8)
            results = [(candidate, measure_toy(space, candidate)) for candidate in candidates]
            search.update(results)
            times += [result.best_secs for _, result in results]
        plans.append(float(np.median([secs if secs is not None else 1.0 for secs in times])))
    assert plans[1] < 0.8 * plans[0]
    assert plans[2] < 0.8 * plans[0]
