"""The remote runner gives what the local one gives: times, verdicts, and a status for whatever a kernel does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.local_fleet import local_fleet, wait_for_devices
from compiler.driver import compile_kernel
from compiler.target import Target
from fleet import Device, DeviceRow, describe_host
from fleet.client import FarmClient
from measure import (
    VERDICT_FACT,
    BuildRequest,
    Built,
    LocalRunner,
    MeasureError,
    Measurement,
    MeasureStatus,
    RunLimits,
    RunnerOptions,
    Verdict,
)
from measure.remote import MeasureAhead, RemoteOptions, RemoteRunner, choose_group
from measure.remote.job_text import arrays_file, read_times
from schedule_space import default_schedule
from tests.fleet.conftest import bundles
from tests.measure.planted_kernels import check_good, planted
from tests.schedule_space.workloads import matmul

NO_LIMITS = RunLimits()
TARGET = replace(Target.parse("host"), cores=1)
OPTIONS = RunnerOptions(timeout_secs=3.0, comparison_rounds=3)
__all__ = ["bundles"]  # the fixture
pytestmark = pytest.mark.usefixtures("lone_candidates")


@pytest.fixture(scope="module")
def client(bundles: dict[str, Path]) -> Iterator[FarmClient]:
    with local_fleet(bundles) as fleet:
        fleet.start_tracker()
        for name in ("one", "two"):
            fleet.start_device(name, "--memory", "300M")
        with fleet.client() as client:
            wait_for_devices(client, 2)
            yield client


@pytest.fixture(scope="module")
def runner(client: FarmClient) -> Iterator[RemoteRunner]:
    with RemoteRunner(client, RemoteOptions(key="board"), OPTIONS) as runner:
        yield runner


def built_matmul(rows: int, depth: int, columns: int) -> Built:
    workload = matmul((rows, depth), (depth, columns))
    schedule = default_schedule(workload, TARGET, 1)
    return Built(
        request=BuildRequest(workload=workload, schedule=schedule, target=TARGET),
        artifact=compile_kernel(workload, schedule, TARGET),
        build_secs=0.5,
    )


def test_a_good_kernel_has_a_verified_time(runner: RemoteRunner) -> None:
    measurement = runner.run(planted("good"), NO_LIMITS)
    check_good(measurement)
    assert len(measurement.run_secs) >= 3
    assert measurement.build_secs == 0.25
    facts = dict(measurement.facts)
    assert facts["spills"] == 0
    assert facts["device_name"] in ("one", "two")


def test_the_device_is_this_machine(runner: RemoteRunner) -> None:
    assert runner.device == describe_host()
    assert runner.group.names == ("one", "two")


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("segfault", MeasureStatus.CRASH, "killed by SIGSEGV"),
        ("abort", MeasureStatus.CRASH, "killed by SIGABRT"),
        ("exit", MeasureStatus.CRASH, "wrote 0 lines"),
        ("eat memory", MeasureStatus.CRASH, "killed by SIG"),
        ("wrong", MeasureStatus.WRONG_ANSWER, "of the largest output, 1e-04 is allowed"),
        ("incomplete", MeasureStatus.WRONG_ANSWER, "largest error inf"),
        ("adds up", MeasureStatus.WRONG_ANSWER, "largest error"),
        ("spin", MeasureStatus.RUN_TIMEOUT, "the kernel was killed after 3"),
        ("overwrite everything", MeasureStatus.CRASH, ""),
    ],
)
def test_misdeeds_are_statuses_and_the_next_kernel_runs(runner: RemoteRunner, name: str, status: MeasureStatus, text: str) -> None:
    measurement = runner.run(planted(name), NO_LIMITS)
    if name != "overwrite everything":
        assert measurement.status is status
    assert measurement.status is not MeasureStatus.OK
    assert text in measurement.error
    assert not measurement.run_secs
    check_good(runner.run(planted("good"), NO_LIMITS))


def test_verdicts_equal_those_of_the_local_runner(runner: RemoteRunner) -> None:
    with LocalRunner(OPTIONS) as local:
        for kernel in (planted("good"), planted("wrong"), built_matmul(7, 33, 19)):
            here, there = local.run(kernel, NO_LIMITS), runner.run(kernel, NO_LIMITS)
            assert here.status is there.status
            assert here.verification == there.verification


def test_limits(runner: RemoteRunner) -> None:
    slow = runner.run(planted("slow"), RunLimits(abandon_above_secs=1e-4))
    assert slow.stopped_early
    assert len(slow.run_secs) == 1
    assert slow.verification is None
    assert runner.run(planted("good"), RunLimits(verify_below_secs=1e-12)).verification is None
    behind = runner.run(planted("good"), RunLimits(best_run_secs=(1e-12,) * 10, verify_below_secs=1.0))
    assert behind.stopped_early
    assert len(behind.run_secs) == 2
    assert behind.verification is None
    ahead = runner.run(planted("good"), RunLimits(best_run_secs=(1.0,) * 10, verify_below_secs=1.0))
    check_good(ahead)
    assert not ahead.stopped_early


def test_a_kernel_with_packed_weights_that_are_cold(client: FarmClient) -> None:
    with RemoteRunner(client, RemoteOptions(key="board"), replace(OPTIONS, footprint_bytes=1 << 22)) as cold:
        check_good(cold.run(built_matmul(64, 64, 64), NO_LIMITS))


def test_a_comparison(runner: RemoteRunner) -> None:
    measurements = runner.compare([planted("good"), planted("slow"), planted("wrong")])
    check_good(measurements[0])
    check_good(measurements[1])
    assert measurements[2].status is MeasureStatus.WRONG_ANSWER
    assert [len(measurement.run_secs) for measurement in measurements] == [3, 3, 0]
    assert [dict(measurement.facts).get(VERDICT_FACT) for measurement in measurements] == [Verdict.CHOSEN, Verdict.TIED, None]
    assert runner.compare([]) == []


def test_a_kernel_in_place_of_a_comparison_that_crashes(runner: RemoteRunner) -> None:
    assert {measurement.status for measurement in runner.compare([planted("good"), planted("segfault")])} == {MeasureStatus.CRASH}


class ListedBuilder:
    def __init__(self, kernels: Sequence[Built]) -> None:
        self._kernels = kernels

    def stream(self, requests: Sequence[BuildRequest]) -> Iterator[tuple[int, Built | Measurement]]:
        assert len(requests) == len(self._kernels)
        yield from enumerate(self._kernels)


def test_two_devices_work_at_the_same_time(client: FarmClient) -> None:
    with RemoteRunner(client, RemoteOptions(key="board", devices=2), OPTIONS) as runner:
        assert runner.slots == 2
        kernels = [replace(planted("slow"), build_secs=float(number)) for number in range(8)]
        ahead = MeasureAhead(ListedBuilder(kernels), runner)
        names, order = set(), []
        for position, built in ahead.stream([kernel.request for kernel in kernels]):
            assert isinstance(built, Built)
            measurement = runner.run(built, NO_LIMITS)
            check_good(measurement)
            assert measurement.build_secs == position
            order.append(position)
            names.add(dict(measurement.facts)["device_name"])
    assert order == list(range(8))
    assert names == {"one", "two"}


def test_a_key_that_no_device_has(client: FarmClient) -> None:
    with pytest.raises(MeasureError, match="no device has the key 'pi3b'; the keys there are: board"):
        RemoteRunner(client, RemoteOptions(key="pi3b"), OPTIONS)


def row(name: str, *, model: str = "Board 3", target: str = "", busy: str = "") -> DeviceRow:
    device = Device(model=model, cores=4)
    return DeviceRow(
        name=name,
        key="pi",
        target=target,
        device=device.to_json(),
        fingerprint=device.fingerprint,
        busy=busy,
        queued=0,
        seen_secs_ago=0.0,
        health={},
    )


def test_only_devices_with_equal_times_are_used_together() -> None:
    rows = [row("a"), row("b", model="Board 4"), row("c")]
    assert choose_group(rows, "pi").names == ("a", "c")
    assert choose_group([row("a", busy="ann"), row("b", model="Board 4")], "pi").names == ("b",)
    with pytest.raises(MeasureError, match="different targets: aarch64, pi3b"):
        choose_group([row("a", target="pi3b"), row("b", target="aarch64")], "pi")
    with pytest.raises(MeasureError, match="the tracker has no device at all"):
        choose_group([], "pi")


@pytest.mark.parametrize(
    "output", [b"", b"times 0 - 1.0\ntimes 0 - 1.0\n", b"times 0 -\n", b"times 0 - nan\n", b"times 2 - 1.0\n", b"time 0 - 1\n", b"\xff"]
)
def test_what_no_harness_writes_is_refused(output: bytes) -> None:
    with pytest.raises(MeasureError, match="the harness wrote"):
        read_times(output, 1)


def test_arrays_start_at_multiples_of_64_bytes() -> None:
    arrays: list[Any] = [np.arange(3, dtype=np.int8), np.arange(17, dtype=np.float32)]
    data = arrays_file(arrays)
    assert len(data) == 64 + 128
    assert np.frombuffer(data[64 : 64 + 68], np.float32).tolist() == arrays[1].tolist()
