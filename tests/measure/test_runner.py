"""Kernels that crash, hang, eat memory, end the process or compute nonsense: each is a status with its text, and the next one runs."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import pytest

from compiler.driver import BoundKernel, ColdMemory, LoadedKernel, compile_kernel
from compiler.target import Target
from measure import (
    VERDICT_FACT,
    BuildRequest,
    Built,
    LocalRunner,
    MeasureStatus,
    RunLimits,
    RunnerOptions,
    SamplingOptions,
    Verdict,
    run_job,
)
from measure.frames import Frame
from schedule_space import default_schedule
from tests.measure.planted_kernels import check_good, planted
from tests.schedule_space.workloads import matmul

NO_LIMITS = RunLimits()
TARGET = replace(Target.parse("host"), cores=1)


@pytest.fixture(scope="module")
def runner() -> Iterator[LocalRunner]:
    with LocalRunner(RunnerOptions(timeout_secs=3.0, memory_bytes=1 << 30, comparison_rounds=3)) as runner:
        yield runner


def test_a_good_kernel_has_a_verified_time(runner: LocalRunner) -> None:
    measurement = runner.run(planted("good"), NO_LIMITS)
    check_good(measurement)
    assert len(measurement.run_secs) >= 3
    assert not measurement.stopped_early
    assert measurement.build_secs == 0.25
    assert measurement.measure_secs > 0
    assert dict(measurement.facts) == {"spills": 0, "workspace_bytes": 0}


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("segfault", MeasureStatus.CRASH, "killed by SIGSEGV"),
        ("abort", MeasureStatus.CRASH, "killed by SIGABRT"),
        ("exit", MeasureStatus.CRASH, "exited with code 0 before it answered"),
        ("eat memory", MeasureStatus.CRASH, "killed by SIG"),
        ("wrong", MeasureStatus.WRONG_ANSWER, "of the largest output, 1e-04 is allowed"),
        ("incomplete", MeasureStatus.WRONG_ANSWER, "largest error inf"),
        ("adds up", MeasureStatus.WRONG_ANSWER, "largest error"),
    ],
)
def test_misdeeds_are_statuses_and_the_next_kernel_runs(runner: LocalRunner, name: str, status: MeasureStatus, text: str) -> None:
    measurement = runner.run(planted(name), NO_LIMITS)
    assert measurement.status is status
    assert text in measurement.error
    assert not measurement.run_secs
    check_good(runner.run(planted("good"), NO_LIMITS))


def test_a_kernel_that_overwrites_its_process_does_no_harm_to_the_next(runner: LocalRunner) -> None:
    """What it hits depends on where things happen to lie: it may crash, hang, or end with a wrong answer."""
    assert runner.run(planted("overwrite everything"), NO_LIMITS).status is not MeasureStatus.OK
    check_good(runner.run(planted("good"), NO_LIMITS))


def test_a_kernel_is_not_blamed_for_what_another_left_behind(runner: LocalRunner) -> None:
    """All run in one process, as long as nothing goes wrong."""
    for _ in range(3):
        assert runner.run(planted("wrong"), NO_LIMITS).status is MeasureStatus.WRONG_ANSWER
        check_good(runner.run(planted("good"), NO_LIMITS))
        assert runner.run(planted("segfault"), NO_LIMITS).status is MeasureStatus.CRASH


class RestNoter:
    def __init__(self) -> None:
        self.states: list[str] = []

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        self.states.append("at rest")
        yield
        self.states.append("at work")


def test_the_neighbour_rests_while_a_kernel_is_timed() -> None:
    neighbour = RestNoter()
    with LocalRunner(RunnerOptions(threads=1, comparison_rounds=3), neighbour) as runner:
        check_good(runner.run(planted("good"), NO_LIMITS))
        assert len(runner.compare([planted("good"), planted("slow")])) == 2
    assert neighbour.states == ["at rest", "at work"] * 2


def test_the_winner_of_a_comparison_is_told() -> None:
    with LocalRunner(RunnerOptions(threads=1, comparison_rounds=8)) as patient:
        slow, good, wrong = patient.compare([planted("slow"), planted("good"), planted("wrong")])
    assert dict(good.facts)[VERDICT_FACT] == Verdict.WON
    assert dict(slow.facts)[VERDICT_FACT] == Verdict.LOST
    assert dict(slow.facts)["verdict_p"] < 0.01
    assert VERDICT_FACT not in dict(wrong.facts)


def test_a_wrong_answer_keeps_its_verdict(runner: LocalRunner) -> None:
    verdict = runner.run(planted("wrong"), NO_LIMITS).verification
    assert verdict is not None
    assert not verdict.passed
    assert verdict.max_error > 0.5


def test_a_native_endless_loop_is_killed() -> None:
    with LocalRunner(RunnerOptions(timeout_secs=0.5)) as impatient:
        measurement = impatient.run(planted("spin"), NO_LIMITS)
        assert measurement.status is MeasureStatus.RUN_TIMEOUT
        assert measurement.error.startswith("the kernel was killed after")
        check_good(impatient.run(planted("good"), NO_LIMITS))


def test_a_slow_candidate_is_given_up_and_not_verified(runner: LocalRunner) -> None:
    measurement = runner.run(planted("slow"), RunLimits(abandon_above_secs=5e-3))
    assert measurement.status is MeasureStatus.OK
    assert measurement.stopped_early
    assert len(measurement.run_secs) == 1
    assert measurement.verification is None


def test_only_a_candidate_that_would_be_the_best_is_verified(runner: LocalRunner) -> None:
    assert runner.run(planted("good"), RunLimits(verify_below_secs=1e-12)).verification is None
    assert runner.run(planted("wrong"), RunLimits(verify_below_secs=1e-12)).status is MeasureStatus.OK
    check_good(runner.run(planted("good"), RunLimits(verify_below_secs=1.0)))


def test_candidates_are_compared_with_each_other(runner: LocalRunner) -> None:
    good, slow, wrong = runner.compare([planted("good"), planted("slow"), planted("wrong")])
    check_good(good)
    assert slow.status is MeasureStatus.OK
    assert min(slow.run_secs) > min(good.run_secs)
    assert len(slow.run_secs) == len(good.run_secs) == 3
    assert wrong.status is MeasureStatus.WRONG_ANSWER
    assert runner.compare([]) == []


def test_a_crash_in_a_comparison_is_told_for_all(runner: LocalRunner) -> None:
    measurements = runner.compare([planted("good"), planted("segfault")])
    assert [each.status for each in measurements] == [MeasureStatus.CRASH] * 2


def test_cold_weights_are_timed_and_verified() -> None:
    """Timed calls compute nothing of use; what is verified is a call with the kernel's own weights."""
    workload = matmul((4, 256), (256, 64))
    request = BuildRequest(workload=workload, schedule=default_schedule(workload, TARGET, 1), target=TARGET)
    built = Built(request=request, artifact=compile_kernel(workload, request.schedule, TARGET), build_secs=0.0)
    with LocalRunner(RunnerOptions(threads=1, footprint_bytes=1 << 20, comparison_rounds=3)) as cold:
        check_good(cold.run(built, NO_LIMITS))
        for measurement in cold.compare([built, built]):
            check_good(measurement)
        check_good(cold.run(planted("good"), NO_LIMITS))
        assert cold.run(planted("wrong"), NO_LIMITS).status is MeasureStatus.WRONG_ANSWER


@pytest.mark.parametrize("positions", [(), (0,)], ids=["warm input", "cold input"])
def test_arguments_that_are_as_cold_as_weights(monkeypatch: pytest.MonkeyPatch, positions: tuple[int, ...]) -> None:
    """A child is told which they are, and takes them from the memory of the weights."""
    taken: list[set[int]] = []

    class Watched(LoadedKernel):
        def prepare(self, *arguments: Any, constants: Collection[int] = (), cold: ColdMemory | None = None) -> BoundKernel:
            assert cold is not None
            taken.append(set(constants))
            return super().prepare(*arguments, constants=constants, cold=cold)

    monkeypatch.setattr(run_job, "LoadedKernel", Watched)
    workload = matmul((4, 256), (256, 64))
    request = BuildRequest(workload=workload, schedule=default_schedule(workload, TARGET, 1), target=TARGET)
    artifact = compile_kernel(workload, request.schedule, TARGET)
    built = Built(request=request, artifact=artifact, build_secs=0.0)
    with LocalRunner(RunnerOptions(threads=1, footprint_bytes=1 << 20, cold_arguments={workload: positions})) as runner:
        check_good(runner.run(built, NO_LIMITS))
        header = runner._job([built], SamplingOptions()) | {"sizes": [len(artifact.to_bytes())], "limits": asdict(NO_LIMITS)}
    jobs = run_job.make_jobs()
    job = Frame(json.loads(json.dumps(header)), artifact.to_bytes())
    jobs.prepare(job)
    assert jobs.handle(job).header["verification"]["passed"]
    assert taken == [{1, *positions}]
