"""The statistic of a profile: robust against runs that were disturbed, and true to the sum."""

import numpy as np
import pytest

from compiler.runtime import ProfiledRuns, quiet_mean


def runs(count: int, kernels: int, seed: int) -> ProfiledRuns:
    kernel_secs = np.random.default_rng(seed).exponential(size=(count, kernels))
    return ProfiledRuns(kernel_secs, kernel_secs.sum(axis=1) + 0.5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 40])
def test_kernels_add_up_to_the_runs_that_they_come_from(count: int) -> None:
    profiled = runs(count, 7, count)
    assert profiled.quiet_kernel_secs().sum() + 0.5 == pytest.approx(profiled.quiet_run_secs())


def test_disturbed_runs_do_not_count() -> None:
    kernel_secs = np.array([[1.0, 2.0], [100.0, 2.0], [1.0, 200.0], [1.0, 2.0]])
    profiled = ProfiledRuns(kernel_secs, kernel_secs.sum(axis=1))
    np.testing.assert_array_equal(profiled.quiet_kernel_secs(), [1.0, 2.0])
    assert quiet_mean(np.array([5.0, 1.0, 9.0, 2.0, 3.0])) == 1.5


def test_visits_are_put_together() -> None:
    together = ProfiledRuns.together([runs(2, 3, 0), runs(4, 3, 1)])
    assert together.kernel_secs.shape == (6, 3)
    assert together.run_secs.shape == (6,)


def test_a_model_without_kernels() -> None:
    assert runs(3, 0, 0).quiet_kernel_secs().shape == (0,)
    assert runs(3, 0, 0).quiet_run_secs() == 0.5
