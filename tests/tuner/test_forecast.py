"""Curves continued."""

from math import exp, inf

import numpy as np
import pytest

from tuner.forecast import PRIOR_DEVIATION, PRIOR_MEAN, STRETCHES, amplitude, expected_secs, remaining_share


def curve(gain: float) -> list[float]:
    """Best times of a task that follows the formula."""
    return [1e-3 * exp(gain * remaining_share(trials)) for trials in STRETCHES]


def test_nothing_known_is_the_prior() -> None:
    assert amplitude([]) == amplitude([1e-3]) == pytest.approx((PRIOR_MEAN, PRIOR_DEVIATION))
    assert amplitude([None, None]) == pytest.approx((PRIOR_MEAN, PRIOR_DEVIATION))


@pytest.mark.parametrize("gain", [0.0, 0.05, 0.3, 0.6])
def test_a_curve_of_the_formula_is_recognised_and_ever_more_surely(gain: float) -> None:
    means, deviations = zip(*(amplitude(curve(gain)[:count]) for count in range(1, len(STRETCHES) + 1)), strict=True)
    assert abs(means[-1] - gain) < 0.06 + 0.2 * gain
    assert abs(means[-1] - gain) <= abs(means[0] - gain)
    assert np.all(np.diff(deviations) < 0)


def test_a_task_that_gains_nothing_is_expected_to_gain_little() -> None:
    assert amplitude([1e-3] * 4)[0] < 0.5 * PRIOR_MEAN
    assert amplitude([1e-3, 0.7e-3, 0.6e-3])[0] > 2 * PRIOR_MEAN


def test_the_end_of_a_curve_of_the_formula_is_its_best_time() -> None:
    times = curve(0.2)
    for trials, secs in zip(STRETCHES, times, strict=True):
        assert expected_secs(secs, 0.2, trials) == pytest.approx(1e-3)
    assert expected_secs(times[1], 0.2, 8, 8) == pytest.approx(times[2])
    assert expected_secs(1e-3, 0.2, 8, 0) == 1e-3
    assert expected_secs(1e-3, 0.0, 8, inf) == 1e-3
