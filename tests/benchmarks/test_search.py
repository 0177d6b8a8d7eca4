"""Rates, disturbance and noise of a search: what is counted and what the rows say; a short session for real."""

from dataclasses import replace

import pytest

from benchmarks.kernel_workloads import MatrixProduct
from benchmarks.search_noise import DISTURBANCE_HEADER, NOISE_HEADER, DisturbanceRow, NoiseRow, measure_disturbance, measure_noise
from benchmarks.search_rate import HEADER, RateRow, measure_rate
from compiler.target import Target
from tuner import Task, make_task

TARGET = replace(Target.parse("host"), cores=1)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(MatrixProduct(64, 64, 64).workload(TARGET), TARGET, name="small")


def test_a_rate_counts_trials_and_what_they_cost() -> None:
    row = RateRow(
        space="conv",
        threads=1,
        trials=100,
        elapsed_secs=5.0,
        build_secs=2.0,
        run_secs=1.0,
        model_secs=1.5,
        commit_secs=0.5,
        build_cpu_secs=5.0,
        run_cpu_secs=1.0,
        session_cpu_secs=0.5,
    )
    assert [str(cell) for cell in row.cells()] == [
        *("conv", "1", "100", "20.0 (*)"),
        *("40 %", "20 %", "30 %", "10 %"),
        *("50.0", "10.0", "5.0", "65.0 (*)"),
    ]
    assert len(row.cells()) == len(HEADER)


def test_a_short_session_is_metered(task: Task) -> None:
    row = measure_rate("small", task, 4.0, "random", 0)
    assert row.trials > 0
    assert min(row.build_secs, row.run_secs, row.model_secs, row.commit_secs) > 0
    assert row.build_secs + row.run_secs + row.model_secs + row.commit_secs == pytest.approx(row.elapsed_secs)
    assert row.build_cpu_secs > 0
    assert row.run_cpu_secs > 0


def test_kernels_are_timed_beside_builds(task: Task) -> None:
    row = measure_disturbance(task, kernels=3, seed=0, rounds=1)
    assert len(row.ratios) == 3
    assert min(row.ratios) > 0
    shown = DisturbanceRow(threads=1, ratios=(0.99, 1.0, 1.01)).cells()
    assert [str(cell) for cell in shown[3:5]] == ["0.995", "1.000"]
    assert len(shown) == len(DISTURBANCE_HEADER)


def test_a_winner_is_judged_in_calm(task: Task) -> None:
    row = measure_noise(task, 4.0, 0, disturbed=False)
    assert row.trials > 0
    assert row.slowdown >= 1.0
    harmed = NoiseRow(disturbed=True, trials=9, repeated=3, slowdown=1.2, lost=True)
    assert [str(cell) for cell in harmed.cells()] == ["busy", "9", "3", "1.200", "slower (*)"]
    assert not harmed.unharmed
    assert replace(harmed, slowdown=1.005).unharmed
    assert len(harmed.cells()) == len(NOISE_HEADER)
