"""What a candidate may try: it ends as a status, nothing of it is left, and the next job runs. In both sandboxes, where there are both."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.local_fleet import LocalFleet, local_fleet, wait_for, wait_for_devices
from fleet import Blob, Ending, JobResult
from fleet.client import FarmClient
from fleet.daemon.sandbox import ChildCommand, Limits, choose_kind
from fleet.daemon.sandboxed_child import ThreadCounts, start_child
from fleet.errors import FleetError
from tests.fleet.conftest import MARK, check_no_orphans, make_job


def works(kind: str) -> bool:
    with suppress(FleetError):
        return choose_kind(kind) == kind
    return False


@pytest.fixture(scope="module", params=["bwrap", "rlimit"])
def device(request: pytest.FixtureRequest, bundles: dict[str, Path]) -> Iterator[tuple[LocalFleet, FarmClient]]:
    if not works(request.param):
        pytest.skip("bubblewrap does not work here: apt-get install bubblewrap, where the kernel allows user namespaces")
    with local_fleet(bundles) as fleet:
        fleet.start_tracker()
        fleet.start_device("one", "--sandbox", request.param, "--memory", "100M")
        with fleet.client() as client:
            wait_for_devices(client, 1)
            yield fleet, client


def run(client: FarmClient, script: str, timeout_secs: float = 10.0) -> JobResult:
    program = Blob.of(f"#!/bin/sh\n{script}\n".encode())
    job = make_job(f"job {program.digest}", program, timeout_secs=timeout_secs)
    return client.submit(job, {program.digest: program}).result(60)


def check_free(fleet: LocalFleet, client: FarmClient) -> None:
    """The device works, and none of its processes is left."""
    assert run(client, f"echo free # {len(fleet.audit())}").output == b"free\n"
    check_no_orphans()


@pytest.mark.parametrize(
    ("script", "ending", "text"),
    [
        ("exit 3", Ending.EXITED, "exited with code 3"),
        ("kill -SEGV $$", Ending.KILLED, "killed by SIGSEGV"),
        ("kill -KILL $$", Ending.KILLED, "killed by SIGKILL (out of memory?)"),
        ("while :; do :; done", Ending.TIMEOUT, "killed after 1"),
        ("sleep MARK", Ending.TIMEOUT, "killed after 1"),
        ("sleep MARK & sleep MARK & exit 0", Ending.EXITED, "exited with code 0"),
        ("setsid sleep MARK & (setsid setsid sleep MARK &) & wait", Ending.TIMEOUT, "killed after 1"),
        ("yes", Ending.KILLED, "wrote more than is allowed to its output"),
        ("trap '' TERM INT HUP; while :; do sleep 0.1; done", Ending.TIMEOUT, "killed after 1"),
    ],
)
def test_misdeeds(device: tuple[LocalFleet, FarmClient], script: str, ending: Ending, text: str) -> None:
    fleet, client = device
    result = run(client, script.replace("MARK", MARK), timeout_secs=1.0)
    assert result.ending is ending
    assert text in result.text
    check_free(fleet, client)


def test_a_fork_bomb(device: tuple[LocalFleet, FarmClient]) -> None:
    fleet, client = device
    run(client, f"bomb() {{ sleep {MARK} & bomb | bomb & }}; bomb; wait", timeout_secs=2.0)
    check_free(fleet, client)


def test_writing_ten_gigabytes(device: tuple[LocalFleet, FarmClient]) -> None:
    fleet, client = device
    before = shutil.disk_usage(fleet.folder).free
    result = run(client, "head -c 10000000000 /dev/zero > /tmp/large; status=$?; rm -f /tmp/large; exit $status", timeout_secs=20.0)
    assert (result.ending, result.code) != (Ending.EXITED, 0)
    assert before - shutil.disk_usage(fleet.folder).free < 1 << 30
    check_free(fleet, client)


def test_its_files_and_its_input(device: tuple[LocalFleet, FarmClient]) -> None:
    _, client = device
    program, data = Blob.of(b"#!/bin/sh\ncat; cat data; echo x >> data; echo $?; echo x >> program; echo $?\n"), Blob.of(b"in a file ")
    job = make_job("files", program, b"on standard input ", files=(("data", data.digest),))
    result = client.submit(job, {blob.digest: blob for blob in (program, data)}).result(60)
    assert result.output.startswith(b"on standard input in a file ")
    assert b"0" not in result.output.split()[-2:], "neither may be changed"


def test_bwrap_shows_neither_the_daemons_files_nor_its_processes_nor_a_network(device: tuple[LocalFleet, FarmClient]) -> None:
    fleet, client = device
    secret = fleet.bundles["device"]
    if client.devices()[0].health["sandbox"] != "bwrap":
        pytest.skip("rlimit isolates neither, which SECURITY.md says")
    seen = f"cat {secret} && exit 10; ls {fleet.folder} && exit 11; ls /root && exit 12; ls /etc/shadow && exit 13"
    counted = "[ $(ls -d /proc/[0-9]* | wc -l) -lt 7 ] || exit 14; [ $(grep -c : /proc/net/dev) -le 1 ] || exit 15"
    result = run(client, f"{seen}; {counted}")
    assert (result.ending, result.code) == (Ending.EXITED, 0), result.errors


def test_as_root_the_daemon_runs_candidates_as_nobody(device: tuple[LocalFleet, FarmClient]) -> None:
    _, client = device
    output = run(client, "id -u").output
    assert output.strip() != b"0"


def test_wrong_programs_are_told(device: tuple[LocalFleet, FarmClient]) -> None:
    _, client = device
    program = Blob.of(b"\x7fELF but not really")
    result = client.submit(make_job("no program", program), {program.digest: program}).result(60)
    assert (result.ending, result.code != 0) == (Ending.EXITED, True)
    assert result.errors


def test_a_child_can_be_killed_as_soon_as_it_is_there() -> None:
    """Before it has made itself a group."""
    limits = Limits(address_bytes=0, cpu_secs=10, threads=1 << 20)
    command = ChildCommand(words=("/bin/sleep", "1"), folder="/", stdin=b"", timeout_secs=10.0, limits=limits, in_bwrap=False)
    for _ in range(10):
        child = start_child(command, ThreadCounts())
        child.kill("nobody waits for it any more")
        _, status = os.waitpid(child.pid, 0)
        child.reaped = True
        ending = child.ending(status)
        assert (ending.ending, ending.code, ending.text) == (Ending.KILLED, signal.SIGKILL, "nobody waits for it any more")


def test_a_cancelled_job_frees_its_device(device: tuple[LocalFleet, FarmClient]) -> None:
    fleet, client = device
    program = Blob.of(f"#!/bin/sh\nsleep {MARK}\n".encode())
    future = client.submit(make_job("to cancel", program, timeout_secs=100.0), {program.digest: program})
    wait_for(lambda: client.devices()[0].busy or None, "job under way")
    future.cancel()
    wait_for(lambda: not client.devices()[0].busy or None, "free device", 20)
    check_free(fleet, client)
