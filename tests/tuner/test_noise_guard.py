"""Readings of a reference kernel, calm and not, from distributions like those of real machines."""

import numpy as np

from tuner.noise_guard import FEWEST, NoiseGuard


def calm(rng: np.random.Generator, count: int) -> list[float]:
    return [float(secs) for secs in 1e-4 * (1 + 0.01 * np.abs(rng.standard_normal(count)))]


def test_calm_readings_are_calm() -> None:
    guard = NoiseGuard()
    verdicts = [guard.is_calm(secs) for secs in calm(np.random.default_rng(0), 500)]
    assert sum(verdicts) / len(verdicts) > 0.98


def test_a_neighbour_is_noticed_at_once_and_his_leaving_too() -> None:
    guard, rng = NoiseGuard(), np.random.default_rng(1)
    for secs in calm(rng, 40):
        guard.is_calm(secs)
    assert not any(guard.is_calm(2 * secs) for secs in calm(rng, 60))
    assert guard.excess > 1.8
    assert np.mean([guard.is_calm(secs) for secs in calm(rng, 20)]) > 0.9


def test_a_neighbour_of_the_first_half_is_known_for_one_as_soon_as_he_is_gone() -> None:
    guard, rng = NoiseGuard(), np.random.default_rng(2)
    for secs in calm(rng, 40):
        guard.is_calm(1.5 * secs)
    for secs in calm(rng, 40):
        guard.is_calm(secs)
    assert not guard.is_calm(1.5e-4)


def test_a_few_readings_say_nothing() -> None:
    guard = NoiseGuard()
    assert all(guard.is_calm(secs) for secs in [1e-4] + [9e-4] * (FEWEST - 2))
