"""Builds in worker processes: what can be built comes back as an artifact, everything else as a status with its text."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.schedule import Schedule, Unroll
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import Builder, BuilderOptions, BuildRequest, Built, LocalRunner, Measurement, MeasureStatus, RunLimits
from schedule_space import default_schedule

PLANTED = Path(__file__).parent / "planted"
TARGET = dataclasses.replace(Target.parse("host"), cores=1)
RELU = Workload((Argument(TensorType((96,))),), (GroupOp("relu", (("arg", 0),)),))
GOOD = BuildRequest(workload=RELU, schedule=default_schedule(RELU, TARGET, 1), target=TARGET)


def planted(name: str) -> BuildRequest:
    return dataclasses.replace(GOOD, schedule=Schedule((Unroll(name),)))


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLANTED))
        with Builder(BuilderOptions(workers=2, timeout_secs=60.0, memory_bytes=8 << 30, module="planted_builds")) as builder:
            yield builder


def test_a_built_candidate_runs(builder: Builder) -> None:
    built = builder.result(builder.submit(GOOD))
    assert isinstance(built, Built)
    assert built.build_secs > 0
    assert dict(built.artifact.facts)["code_bytes"] > 0
    with LocalRunner() as runner:
        measurement = runner.run(built, RunLimits())
    assert measurement.status is MeasureStatus.OK
    assert measurement.verification is not None
    assert measurement.verification.passed


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("no such loop", MeasureStatus.SCHEDULE_ERROR, "no such loop"),
        ("segfault", MeasureStatus.CRASH, "the build worker was lost: killed by SIGSEGV"),
        ("llvm gives up", MeasureStatus.COMPILE_ERROR, "LLVM ERROR: Cannot select: t7: v3f32"),
        ("eat memory", MeasureStatus.CRASH, "out of memory"),
        ("defect", MeasureStatus.COMPILE_ERROR, "internal error: KeyError: 'loop' (planted_builds.py:"),
    ],
)
def test_failures_are_statuses(builder: Builder, name: str, status: MeasureStatus, text: str) -> None:
    (failed, good) = builder.build([planted(name), GOOD])
    assert isinstance(failed, Measurement)
    assert failed.status is status
    assert text in failed.error
    assert failed.build_secs >= 0
    assert isinstance(good, Built)


def test_a_hanging_build_is_killed_while_others_go_on() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLANTED))
        with Builder(BuilderOptions(workers=2, timeout_secs=4.0, module="planted_builds")) as impatient:
            ended = list(impatient.stream([planted("hang"), GOOD, GOOD]))
    assert [position for position, _ in ended][-1] == 0
    hung = ended[-1][1]
    assert isinstance(hung, Measurement)
    assert hung.status is MeasureStatus.BUILD_TIMEOUT
    assert hung.error.startswith("the build was killed after")


def test_leaving_a_stream_early_cancels_the_rest(builder: Builder) -> None:
    stream, unread = builder.stream([GOOD] * 6), builder.stream([GOOD] * 6)
    next(stream)
    stream.close()
    unread.close()
    assert list(stream) == list(unread) == []
    assert isinstance(builder.build([GOOD])[0], Built)


def test_streams_may_overlap(builder: Builder) -> None:
    first, second = builder.stream([GOOD] * 3), builder.stream([GOOD] * 2)
    assert sorted(position for position, _ in second) == [0, 1]
    assert sorted(position for position, _ in first) == [0, 1, 2]
