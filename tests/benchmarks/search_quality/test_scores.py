"""The arithmetic of the tables, on curves that were made by hand."""

from math import inf, isnan

import numpy as np
import pytest

from benchmarks.search_quality.scores import Curves, advantage, geometric_mean, make_curves, quality_after, share_within


def curves(*runs: list[float], trials: int = 8, best: float = 1.0) -> Curves:
    return make_curves([np.array(run) for run in runs], trials, best, thinking_secs=0.8)


def test_the_best_so_far_skips_failures_and_stays_at_the_end() -> None:
    made = curves([np.nan, 2.0, 3.0, 1.0], [4.0], trials=6)
    assert made.best.tolist() == [[inf, 2, 2, 1, 1, 1], [4] * 6]
    assert made.thinking_secs_per_trial == pytest.approx(0.8 / 5)
    assert curves([], trials=3).best.tolist() == [[inf] * 3]


def test_trials_to_a_quality() -> None:
    made = curves([2.0, 1.04, 1.0], [2.0, 2.0, 2.0], [1.0])
    assert made.trials_to(0.95).tolist() == [2, inf, 1]
    assert made.median_trials_to(0.95) == 2
    assert made.median_trials_to(0.99) == 3
    assert curves([2.0], [1.0]).median_trials_to(0.95) == inf


def test_quality_is_speed_of_the_best_known() -> None:
    made = curves([np.nan, 2.0, 1.0], [2.0, 2.0, 1.25], [4.0, 2.0, 2.0], trials=3)
    assert made.quality().tolist() == [0.25, 0.5, 0.8]
    assert made.quality(0.0).tolist() == [0.0, 0.5, 0.5]


def test_shares_and_means_over_workloads() -> None:
    found, missed = curves([1.0]), curves([2.0])
    assert share_within([found, missed], 1) == 0.5
    assert quality_after([found, missed], 8) == pytest.approx(0.5**0.5)
    assert quality_after([found], 100) == 1.0


def test_fewer_trials_at_equal_quality() -> None:
    slow, fast = curves([2.0] * 7 + [1.0]), curves([2.0, 1.0])
    found = advantage([fast], [slow])
    assert found.bound == slow.median_trials_to() / 2
    assert (found.ratio, found.at_least, found.behind) == (pytest.approx(4.0), 0, 0)
    assert advantage([slow], [fast]).ratio == pytest.approx(0.25)
    assert advantage([fast, fast], [slow, slow]).workloads == 2
    assert advantage([slow], [fast], 0.5).workloads == 0, "the default was that good"


def test_what_never_got_there_is_a_bound() -> None:
    never, fast = curves([2.0] * 8), curves([2.0, 1.0])
    found = advantage([fast], [never])
    assert (found.ratio, found.at_least, found.behind) == (pytest.approx(4.0), 1, 0)
    found = advantage([never], [fast])
    assert (found.ratio, found.at_least, found.behind) == (pytest.approx(0.25), 0, 1)
    assert advantage([never], [never]).workloads == 0
    failed = curves([np.nan])
    assert advantage([fast], [failed]).at_least == 1


def test_geometric_mean() -> None:
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)
    assert geometric_mean([0.0, 4.0]) == 0.0
    assert isnan(geometric_mean([]))
