"""Whatever dies, hangs or is cut off: each job is answered once, nothing is left running, and the device is free again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from benchmarks.local_fleet import LocalFleet, wait_for, wait_for_devices
from fleet import Blob, ConnectionLostError, Ending, FleetError, JobResult
from fleet.client import FarmClient
from tests.fleet.conftest import MARK, make_job

FREE_SECS = 45.0
QUICK_SILENCE = ("--silence", "3")
SLOW = Blob.of(f"#!/bin/sh\nsleep 0.3{MARK}; cat\n".encode())
ENDLESS = Blob.of(f"#!/bin/sh\nsleep 1{MARK}\n".encode())


def submit(client: FarmClient, identity: str, program: Blob = SLOW, priority: int = 0) -> "Future[JobResult]":
    job = make_job(identity, program, identity.encode(), priority=priority, candidate=Blob.of(identity.encode()).digest)
    return client.submit(job, {program.digest: program})


def check_answers(futures: dict[str, "Future[JobResult]"]) -> None:
    """Each with its own answer."""
    for identity, future in futures.items():
        result = future.result(FREE_SECS)
        assert (result.ending, result.code, result.output) == (Ending.EXITED, 0, identity.encode()), result


def wait_until_busy(client: FarmClient) -> None:
    wait_for(lambda: any(row.busy for row in client.devices()) or None, "job under way")


def wait_until_free(client: FarmClient, count: int = 1) -> None:
    wait_for(lambda: sum(not row.busy for row in client.devices()) == count or None, "free device", FREE_SECS)


@pytest.mark.parametrize("victim", ["agent", "supervisor"])
def test_a_daemon_is_killed_while_it_measures(fleet: LocalFleet, victim: str) -> None:
    fleet.start_tracker()
    fleet.start_device("one")
    with fleet.client() as client:
        wait_for_devices(client, 1)
        futures = {name: submit(client, name) for name in ("first", "second", "third")}
        wait_until_busy(client)
        agent = fleet.agent("one")
        if victim == "agent":
            os.kill(agent, signal.SIGKILL)
        else:
            fleet.processes["one"].kill()
            fleet.processes["one"].wait()
            wait_for(lambda: not Path(f"/proc/{agent}").exists() or None, "end of the agent", 10)
            fleet.start_device("one")
        check_answers(futures)
        wait_until_free(client)
    jobs = [entry for entry in fleet.audit() if entry["event"] == "job"]
    assert len(jobs) == 3
    assert [entry["event"] for entry in fleet.audit()].count("requeue") >= 1


def test_an_agent_is_killed_before_it_reads_that_its_candidate_has_ended(fleet: LocalFleet) -> None:
    fleet.start_tracker()
    fleet.start_device("one")
    with fleet.client() as client:
        wait_for_devices(client, 1)
        futures = {"first": submit(client, "first")}
        wait_until_busy(client)
        agent = fleet.agent("one")
        os.kill(agent, signal.SIGSTOP)
        time.sleep(1)  # the candidate takes 0.3 s
        os.kill(agent, signal.SIGKILL)
        check_answers(futures)
        wait_until_free(client)
    assert fleet.processes["one"].poll() is None, fleet.log("one")


def test_a_candidate_that_takes_its_device_down_twice_is_quarantined(fleet: LocalFleet) -> None:
    fleet.start_tracker()
    fleet.start_device("one")
    program = ENDLESS
    with fleet.client() as client:
        wait_for_devices(client, 1)
        future = client.submit(make_job("killer", program, timeout_secs=200.0), {program.digest: program})
        for _ in range(2):
            wait_until_busy(client)
            os.kill(fleet.agent("one"), signal.SIGKILL)
            wait_for(lambda: not any(row.busy for row in client.devices()) or None, "loss of the device")
        result = future.result(FREE_SECS)
        assert result.ending is Ending.QUARANTINED
        assert result.text.startswith("quarantined: 2 times a device of")
        wait_until_free(client)
        again = client.submit(make_job("killer again", program), {program.digest: program}).result(FREE_SECS)
        assert again.ending is Ending.QUARANTINED
        check_answers({"other": submit(client, "other")})
    assert [entry["event"] for entry in fleet.audit()].count("quarantine") == 2


@pytest.mark.parametrize(
    ("stuck", "reason"),
    [
        ("daemon.sandboxed_child.SandboxedChild.kill = lambda child, reason: None; daemon.supervisor.END_SECS = 0.5", "a candidate"),
        ("daemon.supervisor.end_children = lambda spare: False", "what a candidate left behind"),
    ],
)
def test_what_cannot_be_ended_has_the_device_power_cycled(fleet: LocalFleet, stuck: str, reason: str) -> None:
    """As if the system could not end a process; the command stands for a switch at the socket. It runs once for each candidate."""
    fleet.start_tracker()
    trace = fleet.folder / "cycled"
    modules = "import sys; import fleet.daemon.sandboxed_child, fleet.daemon.supervisor; from fleet import daemon"
    options = ["--tracker", str(fleet.address), "--key", "board", "--tls", str(fleet.bundles["device"]), "--cache", str(fleet.folder / "c")]
    program = f"{modules}; from fleet.daemon.__main__ import main; {stuck}; sys.exit(main(sys.argv[1:]))"
    fleet.start_program("one", program, *options, "--power-cycle-cmd", f"echo again >> {trace}; exit 3")
    with fleet.client() as client:
        wait_for_devices(client, 1)
        sleeper = Blob.of(b"#!/bin/sh\nsleep 2\n")
        result = client.submit(make_job("stuck", sleeper, timeout_secs=0.3), {sleeper.digest: sleeper}).result(FREE_SECS)
        assert result.identity == "stuck"
        wait_until_free(client)
    assert trace.read_text() == "again\n"
    assert f"{reason} cannot be ended; running 'echo again" in fleet.log("one")
    assert "ended with exit code 3" in fleet.log("one")


def test_an_agent_is_stopped_for_a_while(fleet: LocalFleet) -> None:
    """Longer than the tracker waits, shorter than the supervisor does: the job goes to the other device, and the first comes back."""
    fleet.start_tracker(*QUICK_SILENCE)
    for name in ("one", "two"):
        fleet.start_device(name)
    with fleet.client() as client:
        wait_for_devices(client, 2)
        futures = {str(number): submit(client, str(number)) for number in range(12)}
        wait_until_busy(client)
        agent = fleet.agent("one")
        os.kill(agent, signal.SIGSTOP)
        wait_for(lambda: len(client.devices()) == 1 or None, "loss of the stopped device", 20)
        os.kill(agent, signal.SIGCONT)
        check_answers(futures)
        wait_until_free(client, 2)
    assert len([entry for entry in fleet.audit() if entry["event"] == "job"]) == 12


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["agent", "supervisor", "both"])
def test_a_daemon_is_stopped_for_a_minute(fleet: LocalFleet, victim: str) -> None:
    fleet.start_tracker()
    fleet.start_device("one")
    with fleet.client() as client:
        wait_for_devices(client, 1)
        futures = {str(number): submit(client, str(number)) for number in range(8)}
        wait_until_busy(client)
        agent, supervisor = fleet.agent("one"), fleet.processes["one"].pid
        stopped = {"agent": [agent], "supervisor": [supervisor], "both": [supervisor, agent]}[victim]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(60)
        for pid in stopped:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGCONT)
        check_answers(futures)
        wait_until_free(client)
    assert len([entry for entry in fleet.audit() if entry["event"] == "job"]) == 8


def test_the_tracker_is_killed_and_started_again(fleet: LocalFleet) -> None:
    fleet.start_tracker()
    fleet.start_device("one")
    with fleet.client() as client:
        wait_for_devices(client, 1)
        futures = {str(number): submit(client, str(number)) for number in range(8)}
        futures["0"].result(FREE_SECS)
        fleet.processes["tracker"].kill()
        fleet.processes["tracker"].wait()
        fleet.start_tracker()
        check_answers(futures)
        wait_until_free(client)


def test_without_a_tracker_a_client_gives_up_in_the_end(fleet: LocalFleet) -> None:
    fleet.start_tracker()
    with fleet.client(patience_secs=1.0) as client:
        future = submit(client, "lost")
        fleet.processes["tracker"].kill()
        fleet.processes["tracker"].wait()
        with pytest.raises(ConnectionLostError, match="cannot reach the tracker at"):
            future.result(FREE_SECS)
    with pytest.raises(FleetError, match=r"the tracker at 127\.0\.0\.1:\d+: (.* Connection refused|no answer within 8 s)$"):
        fleet.client()


def test_a_client_is_killed_and_started_again(fleet: LocalFleet) -> None:
    """Nobody waits for its jobs any more: the device stops what it was at, and the next client has it at once."""
    fleet.start_tracker()
    fleet.start_device("one")
    script = (
        "import sys; from pathlib import Path; from fleet import *; from fleet.client import *;"
        "from tests.fleet.conftest import make_job; program = Blob.of(sys.argv[3].encode());"
        "client = FarmClient(FarmOptions(tracker=Address.parse(sys.argv[1]), bundle=TlsBundle.read(Path(sys.argv[2]))));"
        "[client.submit(make_job(str(i), program, timeout_secs=1000.0), {program.digest: program}) for i in range(5)]; input()"
    )
    words = [sys.executable, "-c", script, str(fleet.address), str(fleet.bundles["client"]), ENDLESS.data.decode()]
    with fleet.client() as client:
        wait_for_devices(client, 1)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
        with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment) as other:
            wait_until_busy(client)
            other.kill()
        check_answers({"mine": submit(client, "mine")})
        wait_until_free(client)
        assert client.devices()[0].queued == 0


def test_two_clients_with_different_priorities(fleet: LocalFleet) -> None:
    fleet.start_tracker()
    fleet.start_device("one")
    with fleet.client("client") as low, fleet.client("second") as high:
        wait_for_devices(low, 1)
        lows = {f"low{number}": submit(low, f"low{number}") for number in range(8)}
        wait_until_busy(low)
        highs = {f"high{number}": submit(high, f"high{number}", priority=1) for number in range(3)}
        check_answers(highs | lows)
    users = [entry["user"] for entry in fleet.audit() if entry["event"] == "job"]
    assert max(position for position, user in enumerate(users) if user == "second") <= 2 + 3, (
        "after at most two that the device held already"
    )


def test_users_take_turns(fleet: LocalFleet) -> None:
    fleet.start_tracker()
    with fleet.client("client") as first, fleet.client("second") as second:
        futures = {f"first{number}": submit(first, f"first{number}") for number in range(4)}
        futures |= {f"second{number}": submit(second, f"second{number}") for number in range(4)}
        fleet.start_device("one")
        check_answers(futures)
    users = [entry["user"] for entry in fleet.audit() if entry["event"] == "job"]
    assert users in (["client", "second"] * 4, ["second", "client"] * 4)


def test_a_key_that_no_device_has(fleet: LocalFleet) -> None:
    fleet.start_tracker("--patience", "2")
    fleet.start_device("one", key="other")
    with fleet.client() as client:
        wait_for_devices(client, 1)
        result = submit(client, "nowhere").result(FREE_SECS)
    assert result.ending is Ending.NO_DEVICE
    assert "no device with the key 'board'" in result.text
    assert "devices that are here have the keys: other" in result.text


def namespaces_work() -> bool:
    if os.getuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"tw{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return made


@pytest.fixture
def namespace() -> Iterator[tuple[str, str]]:
    """A network of its own behind a pair of cables: the name of the namespace, and of this side's end."""
    if not namespaces_work():
        pytest.skip("network namespaces need root and iproute2: run as root after apt-get install iproute2")
    name, here, there = f"tw{os.getpid()}", f"twh{os.getpid() % 100000}", f"twn{os.getpid() % 100000}"
    commands = [
        f"ip netns add {name}",
        f"ip link add {here} type veth peer name {there} netns {name}",
        f"ip addr add 10.231.77.1/24 dev {here}",
        f"ip link set {here} up",
        f"ip -n {name} addr add 10.231.77.2/24 dev {there}",
        f"ip -n {name} link set {there} up",
    ]
    try:
        for command in commands:
            done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"no network namespace here: {command}: {done.stderr.strip()}")
        yield name, here
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", here], capture_output=True, check=False)


def test_the_network_between_tracker_and_device_is_cut_and_healed(fleet: LocalFleet, namespace: tuple[str, str]) -> None:
    name, here = namespace
    fleet.start_tracker(*QUICK_SILENCE, "--host", "0.0.0.0")
    address = f"10.231.77.1:{fleet.port}"
    device = ["--tracker", address, "--key", "board", "--name", "far", "--cache", str(fleet.folder / "far")]
    fleet.start_in_namespace(name, "far", "fleet.daemon", *device, "--tls", str(fleet.bundles["device"]))
    with fleet.client() as client:
        wait_for_devices(client, 1)
        futures = {str(number): submit(client, str(number)) for number in range(6)}
        futures["0"].result(FREE_SECS)
        subprocess.run(["ip", "link", "set", here, "down"], check=True)
        wait_for(lambda: not client.devices() or None, "loss of the device", 20)
        subprocess.run(["ip", "link", "set", here, "up"], check=True)
        wait_for(lambda: client.devices() or None, "device that is back", FREE_SECS)
        check_answers(futures)
    assert len([entry for entry in fleet.audit() if entry["event"] == "job"]) == 6
