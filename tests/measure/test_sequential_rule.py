"""When a candidate is given up, on times drawn from distributions: how often wrongly, how often rightly, and after how many samples."""

from collections.abc import Callable

import numpy as np
import pytest

from measure.sequential_rule import is_behind

Noise = Callable[[np.random.Generator, int], np.ndarray]
NOISES: dict[str, Noise] = {
    "half-normal, 1 %": lambda rng, n: 1 + 0.01 * np.abs(rng.standard_normal(n)),
    "exponential, 3 %": lambda rng, n: 1 + rng.exponential(0.03, n),
    "interrupts": lambda rng, n: 1 + 0.002 * rng.random(n) + 0.5 * (rng.random(n) < 0.15),
}
SAMPLES, RUNS = 10, 2000


def samples_until_given_up(noise: Noise, ratio: float) -> list[int]:
    """For each of many candidates `ratio` times as slow as the best: after how many of 10 samples it went; 0: never."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(RUNS):
        best, candidate = noise(rng, SAMPLES).tolist(), (ratio * noise(rng, SAMPLES)).tolist()
        found.append(next((count for count in range(1, SAMPLES + 1) if is_behind(candidate[:count], best)), 0))
    return found


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_a_candidate_as_fast_as_the_best_is_hardly_ever_given_up(noise: Noise) -> None:
    assert sum(count > 0 for count in samples_until_given_up(noise, 1.0)) / RUNS < 0.10


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_a_faster_candidate_is_never_given_up_for_more_than_bad_luck(noise: Noise) -> None:
    assert sum(count > 0 for count in samples_until_given_up(noise, 0.9)) / RUNS < 0.01


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_a_candidate_slower_than_the_noise_goes_after_a_few_samples(noise: Noise) -> None:
    counts = [count for count in samples_until_given_up(noise, 1.3) if count]
    assert len(counts) > 0.97 * RUNS
    assert np.mean(counts) < 4
    assert min(counts) >= 2


def test_nothing_is_behind_what_is_not_known_or_slower() -> None:
    assert not is_behind([], [1.0] * 10)
    assert not is_behind([9.0] * 10, [])
    assert not is_behind([1.0] * 50, [1.0, 1.1, 1.2])
