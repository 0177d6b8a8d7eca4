"""Who has no business here is refused, with a line in the audit log, and the fleet works on.

An intruder that speaks Dask uses Dask's own connections, which is what the wire format is compatible with.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from distributed.comm import connect as dask_connect
from distributed.comm import listen as dask_listen
from distributed.protocol import ToPickle

from benchmarks.local_fleet import LocalFleet, local_fleet, wait_for, wait_for_devices
from fleet import Blob, FleetError, RefusedError, Role, TlsBundle
from fleet.certificates import issue
from fleet.messages import PROTOCOL
from fleet.wire import connect
from tests.fleet.conftest import make_job

JOIN = {"op": "join", "protocol": PROTOCOL, "role": "client", "name": "me", "instance": "1"}


class Evil:
    """Unpickling it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self._trace}",)


@pytest.fixture(scope="module")
def tracker(bundles: dict[str, Path]) -> Iterator[LocalFleet]:
    with local_fleet(bundles) as fleet:
        fleet.start_tracker("--max-file", "1M")
        yield fleet


@pytest.fixture
def guarded(tracker: LocalFleet) -> LocalFleet:
    """One tracker for all tests; each looks at the lines of the audit that it has caused."""
    tracker.audit_start = 0
    tracker.audit_start = len(tracker.audit())
    return tracker


def refusals(fleet: LocalFleet) -> list[str]:
    return [entry["reason"] for entry in fleet.audit() if entry["event"] == "refused"]


def wait_for_refusal(fleet: LocalFleet, text: str) -> None:
    wait_for(lambda: any(text in reason for reason in refusals(fleet)) or None, f"refusal with {text!r}, only {refusals(fleet)}", 15)


def check_works(fleet: LocalFleet) -> None:
    with fleet.client() as client:
        assert client.devices() == []


def test_no_tls(guarded: LocalFleet) -> None:
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        plain.settimeout(10)
        with suppress(ConnectionResetError):
            assert plain.recv(100)[:1] != b"H"
    wait_for_refusal(guarded, "TLS handshake failed")
    check_works(guarded)


def test_no_certificate(guarded: LocalFleet) -> None:
    context = ssl.create_default_context(cadata=TlsBundle.read(guarded.bundles["client"]).authority)
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as plain,
        context.wrap_socket(plain) as wrapped,
        pytest.raises(OSError, match="certificate required"),
    ):
        wrapped.recv(100)
    wait_for_refusal(guarded, "peer did not return a certificate")
    check_works(guarded)


def test_a_certificate_of_another_authority(guarded: LocalFleet) -> None:
    theirs = TlsBundle(guarded.bundles["stranger"], TlsBundle.read(guarded.bundles["client"]).authority)
    with pytest.raises(FleetError):
        run(join(guarded, theirs.client_context(), JOIN))
    wait_for_refusal(guarded, "certificate verify failed")
    check_works(guarded)


def test_old_tls(guarded: LocalFleet) -> None:
    context = TlsBundle.read(guarded.bundles["client"]).client_context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(FleetError):
        run(join(guarded, context, JOIN))
    wait_for_refusal(guarded, "TLS handshake failed")


@pytest.mark.parametrize(
    ("bundle", "role"),
    [("device", "client"), ("client", "device"), ("client", "tracker"), ("client", "admin"), ("builder", "client"), ("builder", "device")],
)
def test_a_certificate_for_another_role(guarded: LocalFleet, bundle: str, role: str) -> None:
    answer = run(join(guarded, context_of(guarded, bundle), {**JOIN, "role": role}))
    assert answer["op"] == "refused"
    assert f"came as {role!r} with a certificate for {bundle!r}" in answer["text"]
    wait_for_refusal(guarded, f"came as {role!r}")
    check_works(guarded)


def test_the_trackers_certificate_cannot_act_as_a_client(guarded: LocalFleet) -> None:
    with pytest.raises(FleetError):
        run(join(guarded, context_of(guarded, "tracker"), JOIN))
    wait_for_refusal(guarded, "TLS handshake failed")


def test_nobody_else_can_pass_for_the_tracker(fleet: LocalFleet) -> None:
    """A device that listens at the tracker's address is not talked to."""
    fake = fleet.folder / "fake.tls"
    fake.write_bytes(fleet.bundles["device"].read_bytes())
    fake.chmod(0o600)
    listener = socket.create_server(("127.0.0.1", 0))
    fleet.port = listener.getsockname()[1]
    server = TlsBundle.read(fake).server_context()
    listener.settimeout(20)

    def answer() -> None:
        connection, _ = listener.accept()
        with pytest.raises((ssl.SSLError, OSError)), server.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    async def both() -> None:
        serving = asyncio.to_thread(answer)
        with pytest.raises(FleetError, match="certificate"):
            await asyncio.gather(serving, connect("127.0.0.1", fleet.port, context_of(fleet, "client")))

    with listener:
        run(both())


@pytest.mark.parametrize("version", [0, PROTOCOL + 1, None, "1"])
def test_an_unknown_protocol_version(guarded: LocalFleet, version: object) -> None:
    answer = run(join(guarded, context_of(guarded, "client"), {**JOIN, "protocol": version}))
    assert answer["op"] == "refused"
    assert f"protocol version {version!r} is not spoken here" in answer["text"]
    wait_for_refusal(guarded, f"protocol version {version!r}")


@pytest.mark.parametrize("op", ["run_function", "broadcast", "register_scheduler_plugin", "register-client", "register-worker", "identity"])
def test_dasks_own_operations(guarded: LocalFleet, op: str) -> None:
    answer = run(join(guarded, context_of(guarded, "client"), {"op": op}))
    assert answer["op"] == "refused"
    wait_for_refusal(guarded, f"{op!r} is no way to begin")


@pytest.mark.parametrize("first", [True, False], ids=["as the greeting", "after joining"])
def test_a_pickle_for_the_tracker(guarded: LocalFleet, first: bool) -> None:
    trace = guarded.folder / "trace"

    async def attack() -> None:
        comm = await dask_connect(f"tls://127.0.0.1:{guarded.port}", ssl_context=context_of(guarded, "client"))
        if not first:
            await comm.write(JOIN)
            assert (await comm.read())["op"] == "welcome"
        await comm.write({"op": "join", "protocol": ToPickle(Evil(trace))})
        answer = await comm.read()
        assert answer["op"] == "refused"
        comm.abort()

    run(attack())
    wait_for_refusal(guarded, "never unpickled")
    assert not trace.exists()
    check_works(guarded)


def test_a_pickle_for_a_device(fleet: LocalFleet) -> None:
    """Only who has the tracker's certificate can send it one."""
    trace = fleet.folder / "trace"

    async def attack() -> None:
        from_device: asyncio.Queue[Any] = asyncio.Queue()

        async def serve(comm: Any) -> None:
            await from_device.put(await comm.read())
            await comm.write({"op": "welcome", "name": "x", "extra": ToPickle(Evil(trace))})

        listener = dask_listen("tls://127.0.0.1:0", serve, ssl_context=TlsBundle.read(fleet.bundles["tracker"]).server_context())
        await listener.start()
        fleet.port = int(listener.listen_address.rpartition(":")[2])
        fleet.start_device("one", "--audit", str(fleet.folder / "device.jsonl"))
        join = await asyncio.wait_for(from_device.get(), 60)
        assert join["op"] == "join"
        log = fleet.folder / "device.jsonl"
        async with asyncio.timeout(30):
            while not log.exists() or "never unpickled" not in log.read_text():
                await asyncio.sleep(0.1)
        listener.stop()

    run(attack())
    assert not trace.exists()


def test_a_file_over_the_cap(guarded: LocalFleet) -> None:
    large = Blob.of(bytes((1 << 20) + 1))
    with guarded.client() as client, pytest.raises(RefusedError, match="a file of 1048577 bytes, at most 1048576 are allowed"):
        client.submit(make_job("large", large), {large.digest: large}).result(20)
    wait_for_refusal(guarded, "a file of 1048577 bytes")
    check_works(guarded)


def test_a_message_over_the_cap(guarded: LocalFleet) -> None:
    """Its length alone is enough; nothing of that size is set aside."""
    context = context_of(guarded, "client")
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as plain, context.wrap_socket(plain) as wrapped:
        wrapped.sendall((1 << 60).to_bytes(8, "little"))
        wait_for_refusal(guarded, f"a message of {1 << 60} bytes")


@pytest.mark.parametrize(
    "message",
    [
        {"op": "submit"},
        {"op": "submit", "identity": 7},
        {"op": "blob", "digest": "../x", "offset": 0, "total": 1, "data": b"x"},
        {"op": "result", "identity": "1"},
        {"op": "nonsense"},
        {"no": "op"},
        ["a", "list"],
    ],
    ids=str,
)
def test_messages_that_are_none(guarded: LocalFleet, message: object) -> None:
    async def send() -> None:
        connection = await connect("127.0.0.1", guarded.port, context_of(guarded, "client"))
        await connection.send(JOIN)
        assert (await connection.receive())["op"] == "welcome"
        await connection.send(message)  # type: ignore[arg-type] # on purpose
        async with asyncio.timeout(20):
            while (await connection.receive())["op"] != "refused":
                pass

    run(send())
    assert refusals(guarded)
    check_works(guarded)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"cores": float("inf")}, "does not describe itself"),
        ({"facts": {"os": b"bytes"}}, "does not describe itself"),
        ({"facts": {"os": ["a", "list"]}}, "fact 'os' is neither a text nor a number"),
        ({"facts": {"os": "x" * (1 << 16)}}, "at most 16384 are allowed"),
    ],
    ids=["cores", "bytes", "list", "size"],
)
def test_a_device_that_describes_itself_oddly(guarded: LocalFleet, change: dict[str, Any], text: str) -> None:
    device = {"format": 1, "model": "Board", "cores": 4, "facts": {}} | change
    message = {**JOIN, "role": "device", "key": "board", "target": "", "health": {}, "device": device}
    answer = run(join(guarded, context_of(guarded, "device"), message))
    assert answer["op"] == "refused"
    assert text in answer["text"]
    wait_for_refusal(guarded, text)
    check_works(guarded)


def test_nobody_is_thrown_out_by_another_who_claims_to_be_the_same_come_back(guarded: LocalFleet) -> None:
    async def claim() -> None:
        first = await connect("127.0.0.1", guarded.port, context_of(guarded, "client"))
        await first.send(JOIN)
        assert (await first.receive())["op"] == "welcome"
        await join(guarded, context_of(guarded, "second"), JOIN)
        await first.send({"op": "devices"})
        while (await first.receive())["op"] != "devices":
            pass

    run(claim())


def test_what_is_sent_cannot_forge_a_line_of_the_audit(guarded: LocalFleet) -> None:
    evil = 'x"}\n{"event": "forged"}'
    answer = run(join(guarded, context_of(guarded, "client"), {**JOIN, "protocol": evil}))
    assert answer["op"] == "refused"
    wait_for_refusal(guarded, "protocol version")
    assert all(entry["event"] != "forged" for entry in guarded.audit())


def test_bundles_that_others_may_read_or_that_are_none(tmp_path: Path, bundles: dict[str, Path]) -> None:
    readable = tmp_path / "readable.tls"
    readable.write_bytes(bundles["client"].read_bytes())
    readable.chmod(0o644)
    with pytest.raises(FleetError, match="run: chmod 600"):
        TlsBundle.read(readable)
    nothing = tmp_path / "nothing.tls"
    nothing.touch(mode=0o600)
    with pytest.raises(FleetError, match="is no TLS bundle"):
        TlsBundle.read(nothing)
    with pytest.raises(FleetError, match="cannot read"):
        TlsBundle.read(tmp_path / "missing.tls")


def test_names_and_authorities_are_checked(tmp_path: Path, bundles: dict[str, Path]) -> None:
    authority = bundles["client"].parent / "ca"
    with pytest.raises(FleetError, match="cannot stand in a certificate"):
        issue(authority, Role.CLIENT, "a/b", tmp_path / "a.tls", 1)
    with pytest.raises(FleetError, match="init-ca"):
        issue(tmp_path, Role.CLIENT, "a", tmp_path / "a.tls", 1)
    with pytest.raises(FleetError, match="File exists"):
        issue(authority, Role.CLIENT, "a", bundles["client"], 1)


def test_devices_need_the_trackers_authority(guarded: LocalFleet) -> None:
    guarded.start_device("one")
    with guarded.client() as client:
        wait_for_devices(client, 1)


def context_of(fleet: LocalFleet, name: str) -> ssl.SSLContext:
    return TlsBundle.read(fleet.bundles[name]).client_context()


async def join(fleet: LocalFleet, context: ssl.SSLContext, message: dict[str, Any]) -> dict[str, Any]:
    connection = await connect("127.0.0.1", fleet.port, context)
    await connection.send(message)
    return await connection.receive()


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))
