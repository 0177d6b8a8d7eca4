"""Candidates that crash, hang, eat memory or compute nonsense, run for real: the tune records each as what it is and goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from compiler.schedule import Schedule, Unroll
from measure import BuildRequest, Built, LocalRunner, Measurement, MeasureStatus, RunnerOptions
from records_db import Database
from schedule_space import Columns, Decisions, Parameter, Quantities, ScheduleSpace
from tests.measure.planted_kernels import BODIES, RELU, planted
from tuner import StopReason, Task, TuneOptions, tune_tasks

TARGET = planted("good").request.target
EXPECTED = {
    "good": MeasureStatus.OK,
    "slow": MeasureStatus.OK,
    "wrong": MeasureStatus.WRONG_ANSWER,
    "incomplete": MeasureStatus.WRONG_ANSWER,
    "adds up": MeasureStatus.WRONG_ANSWER,
    "segfault": MeasureStatus.CRASH,
    "abort": MeasureStatus.CRASH,
    "exit": MeasureStatus.CRASH,
    "eat memory": MeasureStatus.CRASH,
    "spin": MeasureStatus.RUN_TIMEOUT,
}


@dataclass(frozen=True)
class DeedTemplate:
    """One decision: which of the planted kernels."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter("deed", tuple(EXPECTED)),)

    def is_valid(self, decisions: Decisions) -> bool:
        return decisions["deed"] in BODIES

    def default(self) -> Decisions:
        return {"deed": "slow"}

    def schedule(self, decisions: Decisions) -> Schedule:
        return Schedule((Unroll(str(decisions["deed"])),))

    def describe_batch(self, columns: Columns) -> Quantities:
        return {"unroll": np.char.str_len(columns["deed"]).astype(np.float64)}


class DeedBuilder:
    """Builds the kernel that the schedule names."""

    def stream(self, requests: Sequence[BuildRequest]) -> Iterator[tuple[int, Built | Measurement]]:
        for position, request in enumerate(requests):
            yield position, replace(planted(request.schedule.steps[0].loop), request=request)  # type: ignore[attr-defined]


@pytest.mark.parametrize("strategy", ["xgb", "random"])
def test_every_misdeed_is_recorded_and_the_good_kernel_wins(strategy: str) -> None:
    task = Task(workload=RELU, target=TARGET, space=ScheduleSpace(RELU, TARGET, 1, DeedTemplate()), name="relu")
    options = RunnerOptions(timeout_secs=2.0, memory_bytes=600 << 20)
    with Database("sqlite://") as database, LocalRunner(options) as runner:
        result = tune_tasks([task], DeedBuilder(), runner, database, TuneOptions(strategy=strategy, seed=1))
        measured = {str(record.decisions["deed"]): record.measurement for record in database.records()}
        best = database.best_record(RELU, TARGET, runner.device)
    assert result.stop is StopReason.EXHAUSTED
    assert result.tasks[0].trials == len(EXPECTED)
    # A wrong kernel that is slower than the best is not looked at any closer: it has a time, and cannot be chosen.
    for deed, status in EXPECTED.items():
        found = measured[deed]
        assert found.status is status or (status is MeasureStatus.WRONG_ANSWER and found.verification is None), deed
        assert bool(found.error) == (found.status is not MeasureStatus.OK)
    assert best is not None
    assert best.record.decisions == {"deed": "good"}
    assert best.verification.passed
