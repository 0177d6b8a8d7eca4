"""Builders of a tracker give what worker processes here give; whatever happens to builders, each build is answered once."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.local_fleet import LocalFleet, local_fleet, wait_for, wait_for_devices
from fleet import BUILD_KEY, Blob, FleetError, Job, RefusedError
from fleet.client import FarmClient
from measure import Builder, BuilderOptions, Built, MeasureError, Measurement, MeasureStatus
from measure.child_pool import ChildPool
from measure.child_server import ServerSettings
from measure.remote_builds import BuildOrder, RemoteBuilder, RemoteBuilderOptions, describe_builder
from measure.remote_builds.build_bench import BuildBench
from tests.fleet.conftest import bundles
from tests.measure.test_builder import GOOD, PLANTED, planted

__all__ = ["bundles"]  # the fixture
PATIENT = RemoteBuilderOptions(timeout_secs=60.0)
PROGRAM = "import sys; from measure.remote_builds.__main__ import main; sys.exit(main(sys.argv[1:], 'planted_builds'))"
OTHER_VERSION = f"import other_version; other_version.pretend(); {PROGRAM}"


def start_builder(fleet: LocalFleet, name: str, *options: str, program: str = PROGRAM) -> None:
    """With builds that misbehave on demand."""
    place = ["--tracker", str(fleet.address), "--tls", str(fleet.bundles["builder"]), "--name", name]
    fleet.start_program(name, program, *place, *options, path=[str(PLANTED)])


@pytest.fixture
def fleet(bundles: dict[str, Path]) -> Iterator[LocalFleet]:
    with local_fleet(bundles) as fleet:
        fleet.start_tracker()
        yield fleet


@pytest.fixture(scope="module")
def client(bundles: dict[str, Path]) -> Iterator[FarmClient]:
    with local_fleet(bundles) as fleet:
        fleet.start_tracker()
        start_builder(fleet, "one", "--workers", "2", "--memory", "8G")
        with fleet.client() as client:
            wait_for_devices(client, 3)
            yield client


def test_a_build_is_what_it_would_be_here(client: FarmClient) -> None:
    with RemoteBuilder(client, PATIENT) as remote, Builder(BuilderOptions(timeout_secs=60.0)) as local:
        assert remote.slots == 3, "one to spare"
        ((position, built),) = remote.stream([GOOD])
        (expected,) = local.build([GOOD])
    assert position == 0
    assert isinstance(built, Built)
    assert isinstance(expected, Built)
    assert built.artifact.object_code == expected.artifact.object_code
    assert built.request == GOOD
    assert built.build_secs > 0


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("no such loop", MeasureStatus.SCHEDULE_ERROR, "no such loop"),
        ("segfault", MeasureStatus.CRASH, "the build worker was lost: killed by SIGSEGV"),
        ("llvm gives up", MeasureStatus.COMPILE_ERROR, "LLVM ERROR: Cannot select: t7: v3f32"),
        ("defect", MeasureStatus.COMPILE_ERROR, "internal error: KeyError: 'loop' (planted_builds.py:"),
        ("too large", MeasureStatus.COMPILE_ERROR, "of which a builder sends at most"),
    ],
)
def test_failures_are_statuses(client: FarmClient, name: str, status: MeasureStatus, text: str) -> None:
    with RemoteBuilder(client, PATIENT) as remote:
        results = dict(remote.stream([planted(name), GOOD]))
    failed = results[0]
    assert isinstance(failed, Measurement)
    assert failed.status is status
    assert text in failed.error
    assert isinstance(results[1], Built)


def test_a_hanging_build_is_killed_while_others_go_on(client: FarmClient) -> None:
    with RemoteBuilder(client, RemoteBuilderOptions(timeout_secs=4.0)) as remote:
        results = list(remote.stream([planted("hang"), GOOD, replace(GOOD, target=replace(GOOD.target, cores=2))]))
    assert [position for position, _ in results][-1] == 0
    hung = results[-1][1]
    assert isinstance(hung, Measurement)
    assert hung.status is MeasureStatus.BUILD_TIMEOUT


def test_leaving_a_stream_early_cancels_the_rest_and_streams_may_overlap(client: FarmClient) -> None:
    with RemoteBuilder(client, PATIENT) as remote:
        stream, unread = remote.stream([GOOD] * 40), remote.stream([GOOD] * 3)
        next(stream)
        stream.close()
        assert list(stream) == []
        assert sorted(position for position, _ in unread) == [0, 1, 2]


def test_a_builder_that_is_killed_loses_no_build(fleet: LocalFleet) -> None:
    for name in ("one", "two"):
        start_builder(fleet, name, "--workers", "1")
    with fleet.client() as client:
        wait_for_devices(client, 4)
        with RemoteBuilder(client, PATIENT) as remote:
            requests = [planted(f"slow {number}") for number in range(8)]
            stream = remote.stream(requests)
            ended = [next(stream)]
            wait_for(lambda: all(row.busy for row in client.devices()) or None, "both builders at work")
            fleet.processes["one"].kill()
            fleet.processes["one"].wait()
            ended += stream
    assert sorted(position for position, _ in ended) == list(range(8))
    assert {result.status for _, result in ended if isinstance(result, Measurement)} == {MeasureStatus.SCHEDULE_ERROR}
    events = [entry["event"] for entry in fleet.audit()]
    assert "requeue" in events
    assert events.count("job") == 8


def test_a_tracker_that_is_started_again_loses_no_build(fleet: LocalFleet) -> None:
    start_builder(fleet, "one", "--workers", "1")
    with fleet.client() as client:
        wait_for_devices(client, 2)
        with RemoteBuilder(client, PATIENT) as remote:
            stream = remote.stream([planted(f"slow {number}") for number in range(4)])
            next(stream)
            fleet.processes["tracker"].kill()
            fleet.processes["tracker"].wait()
            fleet.start_tracker()
            assert len(list(stream)) == 3


def test_a_builder_of_another_version_is_refused_in_one_line(fleet: LocalFleet) -> None:
    start_builder(fleet, "old", "--workers", "1", program=OTHER_VERSION)
    with fleet.client() as client:
        wait_for_devices(client, 2)
        with pytest.raises(
            MeasureError, match=r"refused: old, old-\d with Tilewright .*, llvmlite 0\.1\.0 .*Install the same there"
        ) as refused:
            RemoteBuilder(client)
        assert "\n" not in str(refused.value)
        start_builder(fleet, "new", "--workers", "1")
        wait_for_devices(client, 4)
        with pytest.warns(UserWarning, match="old, old-. with Tilewright"):
            remote = RemoteBuilder(client, PATIENT)
        with remote:
            assert remote.slots == 2
            built = dict(remote.stream([GOOD] * 4))
        assert all(isinstance(result, Built) for result in built.values())
    assert {entry["device"] for entry in fleet.audit() if entry["event"] == "job"} <= {"new", "new-2", "new-3"}


def test_when_no_builder_is_left_the_session_ends_with_a_word(bundles: dict[str, Path]) -> None:
    with local_fleet(bundles) as fleet:
        fleet.start_tracker("--patience", "1")
        with fleet.client() as client:
            with pytest.raises(MeasureError, match="the tracker has no builder; start some with: tilewright builder"):
                RemoteBuilder(client)
            start_builder(fleet, "one", "--workers", "1")
            wait_for_devices(client, 2)
            with RemoteBuilder(client, PATIENT) as remote:
                stream = remote.stream([planted("hang")])
                wait_for(lambda: any(row.busy for row in client.devices()) or None, "build under way")
                fleet.processes["one"].kill()
                fleet.processes["one"].wait()
                with pytest.raises(MeasureError, match="no builder is left that could build"):
                    next(stream)


@pytest.mark.parametrize(
    ("bundle", "text"),
    [("device", "came as 'builder' with a certificate for 'device'"), ("client", "came as 'builder' with a certificate for 'client'")],
)
def test_a_certificate_for_another_role(fleet: LocalFleet, bundle: str, text: str) -> None:
    place = ["--tracker", str(fleet.address), "--tls", str(fleet.bundles[bundle])]
    fleet.start_program("wrong", PROGRAM, *place, "--workers", "1", path=[str(PLANTED)])
    fleet.wait_for_line("wrong", "the tracker refuses this builder: " + text)
    assert text in next(entry["reason"] for entry in fleet.audit() if entry["event"] == "refused")


def test_a_device_cannot_have_the_key_of_builders(fleet: LocalFleet) -> None:
    fleet.start_device("sly", key=BUILD_KEY)
    fleet.wait_for_line("sly", "builders have the key 'builders', and only they")


def test_a_build_carries_no_program_for_a_builder_to_run(fleet: LocalFleet) -> None:
    program = Blob.of(b"#!/bin/sh\ntouch trace\n")
    job = Job(identity="1", key=BUILD_KEY, program=program.digest, files=(), stdin=b"", candidate=program.digest)
    with fleet.client() as client, pytest.raises(RefusedError, match="a build has neither a program nor files"):
        client.submit(job, {program.digest: program}).result(20)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"format": 1}', b'{"format":9,"workload":"","schedule":{},"target":""}', b"\x80\x04N."])
def test_orders_that_are_none(text: bytes) -> None:
    with pytest.raises(FleetError, match="a build order"):
        BuildOrder.from_bytes(text)


DEEP = [b"[" * depth + b"]" * depth for depth in (100, 900, 100_000)]


@pytest.mark.parametrize("workload", DEEP, ids=len)
def test_an_order_that_would_be_too_deep_for_json_is_refused(workload: bytes) -> None:
    """On its way to a worker it would take down the server of all workers."""
    with pytest.raises(FleetError, match=r"a build order that is (nested deeper than 64|no JSON)"):
        BuildOrder.from_bytes(b'{"format":1,"workload":%b,"schedule":{},"target":""}' % workload)


def test_an_order_that_no_client_of_ours_sends_is_refused_by_the_builder(client: FarmClient) -> None:
    job = Job(identity="odd", key=BUILD_KEY, program="", files=(), stdin=b"\x80\x04N.", candidate=Blob.of(b"odd").digest)
    assert client.submit(job, {}).result(30).text.startswith("a build order that is no JSON")


def test_a_builder_whose_workers_cannot_be_reached_says_so_at_the_first_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object, **__: object) -> int:
        raise MeasureError("the server ended with code 1")

    monkeypatch.setattr(ChildPool, "submit", lose)
    with BuildBench(ServerSettings(module="measure.build_job")) as bench, pytest.raises(MeasureError, match="ended with code 1"):
        asyncio.run(asyncio.wait_for(bench.build(BuildOrder(GOOD.to_json()), 5.0), 30))


def test_the_fingerprint_tells_versions_apart() -> None:
    mine = describe_builder()
    assert mine.model.startswith("Tilewright ")
    assert replace(mine, model="Tilewright 9.9").fingerprint != mine.fingerprint
    assert {name for name, _ in mine.facts} == {"code", "llvm"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--tracker", "192.0.2.1"], "give --tls FILE"),
        (["--tracker", "127.0.0.1", "--workers", "0"], "'0' is no number of workers"),
        (["--tracker", "no:port"], "is not of the form HOST:PORT"),
        (["--tracker", "127.0.0.1", "--tls", "missing.tls"], "cannot read the TLS bundle missing.tls"),
    ],
)
def test_bad_options_are_refused(options: list[str], text: str) -> None:
    done = subprocess.run([sys.executable, "-m", "measure.remote_builds", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert text in done.stderr.splitlines()[-1]
