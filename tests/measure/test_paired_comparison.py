"""Kernels against each other, on a clock of our own whose drift hits all alike."""

from collections.abc import Callable

import numpy as np
import pytest

from measure import Verdict, compare_kernels, judge_rounds, sign_test
from measure.paired_comparison import LOOKS


class Bench:
    """Kernels of given speeds on one machine, whose speed wanders; notes who ran."""

    def __init__(self, seed: int = 0, noise: float = 0.02, drift: float = 0.0) -> None:
        self.rng = np.random.default_rng(seed)
        self.noise = noise
        self.drift = drift
        self.load = 1.0
        self.order: list[str] = []

    def kernel(self, name: str, secs: float) -> Callable[[int], float]:
        def time(number: int) -> float:
            if number > 1:
                self.order.append(name)
            self.load *= 1 + self.drift * self.rng.standard_normal()
            return float(secs * self.load * (1 + self.noise * abs(self.rng.standard_normal())))

        return time


def compare(bench: Bench, secs: list[float], rounds: int = 32) -> list[Verdict]:
    kernels = [bench.kernel(str(number), each) for number, each in enumerate(secs)]
    return [judged.verdict for judged in compare_kernels(kernels, rounds, 1e-3)]


def test_the_faster_one_wins_and_the_others_stop_early() -> None:
    bench = Bench()
    judged = compare_kernels([bench.kernel("a", 1.2e-4), bench.kernel("b", 1.0e-4), bench.kernel("c", 1.3e-4)], 32, 1e-3)
    assert [each.verdict for each in judged] == [Verdict.LOST, Verdict.WON, Verdict.LOST]
    assert {len(each.run_secs) for each in judged} == {LOOKS[0]}
    assert judged[0].p < 0.01
    assert "".join(bench.order[-6:]) in {"abccba", "cbaabc"}


def test_of_equal_ones_the_first_is_chosen_nearly_always() -> None:
    verdicts = [compare(Bench(seed), [1e-4, 1e-4]) for seed in range(200)]
    decided = sum(Verdict.WON in each for each in verdicts)
    assert decided / len(verdicts) < 0.10
    assert all(each == [Verdict.CHOSEN, Verdict.TIED] for each in verdicts if Verdict.WON not in each)


def test_drift_of_the_machine_does_not_hide_the_winner() -> None:
    wins = sum(compare(Bench(seed, noise=0.01, drift=0.05), [1.0e-4, 1.1e-4, 1.1e-4])[0] is Verdict.WON for seed in range(50))
    assert wins >= 30
    lost = sum(compare(Bench(seed, noise=0.01, drift=0.05), [1.0e-4, 1.1e-4])[0] is Verdict.LOST for seed in range(50))
    assert lost == 0


def test_too_few_rounds_decide_nothing() -> None:
    assert compare(Bench(), [1e-4, 9e-4], rounds=3) == [Verdict.CHOSEN, Verdict.TIED]
    assert compare(Bench(), [1e-4], rounds=3) == [Verdict.WON]


@pytest.mark.parametrize(("ahead", "of", "p"), [(8, 8, 1 / 256), (0, 8, 1.0), (6, 6, 1 / 64), (4, 8, 163 / 256)])
def test_the_sign_test_counts_rounds(ahead: int, of: int, p: float) -> None:
    assert sign_test([1.0] * of, [2.0] * ahead + [0.5] * (of - ahead)) == pytest.approx(p)
    assert sign_test([1.0], [1.0]) == 1.0


def test_samples_that_are_there_already_are_judged_alike() -> None:
    rng = np.random.default_rng(4)
    for spread in (0.0, 0.01, 0.05, 0.3):
        taken = [[secs * (1 + 0.02 * rng.random()) for _ in range(32)] for secs in (1.0 + spread, 1.0, 1.0 + 2 * spread)]
        clocks = [iter([times[0], *(each for secs in times for each in (secs, secs))]) for times in taken]
        turns = compare_kernels([lambda _, clock=clock: next(clock) for clock in clocks], 32, 0.5)  # type: ignore[misc]
        assert judge_rounds(taken) == turns


def test_of_one_there_is_nothing_to_judge() -> None:
    (alone,) = judge_rounds([[1.0] * 8])
    assert alone.verdict is Verdict.WON
