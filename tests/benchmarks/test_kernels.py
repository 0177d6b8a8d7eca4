"""Single kernels: what is tuned is what is counted, and the rows say what they should; one small kernel for real."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.kernel_workloads import KERNELS, Convolution, MatrixProduct
from benchmarks.kernels import KernelRow, measure_kernel
from benchmarks.search import SearchRow, measure_model, measure_search, priors_for
from compiler.target import Target
from measure import CeilingLoops
from records_db import Database
from tuner import COST_MODELS, TuneOptions, make_task, operation_count

TARGET = replace(Target.parse("host"), cores=1)


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_operations_are_those_of_the_tensor_expression(name: str) -> None:
    kernel = KERNELS[name]
    counted = operation_count(kernel.workload(TARGET))
    assert kernel.operations <= counted <= 1.02 * kernel.operations


def test_convolutions_are_blocked_by_the_vector() -> None:
    workload = Convolution(64, 128, 28, 3, stride=2).workload(TARGET)
    lanes = TARGET.vector_lanes
    assert workload.output_types[0].shape == (1, 128 // lanes, 14, 14, lanes)


def test_rows_mark_what_misses_its_goal() -> None:
    row = KernelRow(
        name="conv",
        gflop=0.2,
        default_secs=0.004,
        tuned_secs=0.002,
        median_secs=0.0021,
        max_error=1e-6,
        ceiling_gflops=120.0,
        trials=64,
        tuning_secs=6.0,
    )
    assert [str(cell) for cell in row.cells()][4:9] == ["100.0", "120.0", "83% (*)", "2.00x (*)", "1e-06"]
    fast = replace(row, tuned_secs=0.00175, default_secs=0.002)
    assert [str(cell) for cell in fast.cells()][6:8] == ["95%", "1.14x"]


def test_a_search_that_ended_early_has_dashes() -> None:
    row = SearchRow(tuner="xgb", trials=40, failed=2, elapsed_secs=8.0, best_secs=(0.003, 0.002))
    assert [str(cell) for cell in row.cells(operations=4_000_000)] == ["xgb", "40", "2 (*)", "8.0", "5.0", "3.00", "2.00", "-", "-", "2.0"]


def test_a_small_kernel_is_tuned_and_compared() -> None:
    kernel = MatrixProduct(24, 24, 24)
    with Database("sqlite://") as database:
        row = measure_kernel("small", kernel, TARGET, CeilingLoops(TARGET), database, TuneOptions(trials=3, strategy="random"))
    assert row.trials == 3
    assert row.max_error < 1e-4
    assert min(row.default_secs, row.tuned_secs, row.ceiling_gflops) > 0


def test_a_small_search_is_counted() -> None:
    task = make_task(MatrixProduct(24, 24, 24).workload(TARGET), TARGET, name="small")
    row = measure_search("random", task, trials=3, seed=0)
    assert row.trials == 3
    assert len(row.best_secs) == 1
    models = [measure_model(name, prior, task, seed=0, scored=32, fitted_on=16) for name in COST_MODELS for prior in priors_for(name)]
    assert len(models) == 2 * len(COST_MODELS) - 1
    assert all(np.isfinite([model.scoring_microseconds, model.refit_secs]).all() for model in models)
