"""A fleet on this machine, for benchmarks and tests: tracker and daemons as processes of their own, over TLS."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fleet import Address, Role, TlsBundle
from fleet.certificates import init_authority, issue
from fleet.client import FarmClient, FarmOptions

T = TypeVar("T")

START_SECS = 60.0


def make_bundles(folder: Path) -> dict[str, Path]:
    """One bundle per role, a second client, and `stranger`: a client of another authority."""
    for authority in ("ca", "other"):
        init_authority(folder / authority)
    wanted = {"tracker": ("ca", Role.TRACKER), "device": ("ca", Role.DEVICE), "client": ("ca", Role.CLIENT), "second": ("ca", Role.CLIENT)}
    wanted["builder"] = ("ca", Role.BUILDER)
    for name, (authority, role) in {**wanted, "stranger": ("other", Role.CLIENT)}.items():
        issue(folder / authority, role, name, folder / f"{name}.tls", days=2)
    return {file.stem: file for file in folder.glob("*.tls")}


@dataclass(slots=True)
class LocalFleet:
    """Starts processes; `folder` can be read by everybody, since daemons of root run candidates as nobody."""

    folder: Path
    bundles: dict[str, Path]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    port: int = 0
    audit_start: int = 0

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    def start_tracker(self, *options: str) -> None:
        """At the same port when it is started again."""
        tls = ["--tls", str(self.bundles["tracker"]), "--audit", str(self.folder / "audit.jsonl"), "--store", str(self.folder / "store")]
        self.start("tracker", "fleet.tracker", "--port", str(self.port), *tls, *options)
        line = self.wait_for_line("tracker", "tracker at")
        self.port = int(line.partition(",")[0].rpartition(":")[2])

    def start_device(self, name: str, *options: str, key: str = "board") -> None:
        cache = str(self.folder / f"cache-{name}")
        given = ["--tracker", str(self.address), "--key", key, "--name", name, "--cache", cache, "--tls", str(self.bundles["device"])]
        self.start(name, "fleet.daemon", *given, *options)

    def start_in_namespace(self, namespace: str, name: str, module: str, *options: str) -> None:
        self.start(name, module, *options, before=("ip", "netns", "exec", namespace))

    def start(self, name: str, module: str, *options: str, before: tuple[str, ...] = ()) -> None:
        self._start(name, [*before, sys.executable, "-P", "-m", module, *options], sys.path)

    def start_program(self, name: str, program: str, *options: str, path: Sequence[str] = ()) -> None:
        """Python code in place of a module. path: where it finds modules, beside what this process does."""
        self._start(name, [sys.executable, "-P", "-c", program, *options], [*path, *sys.path])

    def _start(self, name: str, words: Sequence[str], path: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                words,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in path)},
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait_for_line(self, name: str, text: str) -> str:
        def find() -> str | None:
            assert self.processes[name].poll() is None, self.log(name)
            return next((line for line in self.log(name).splitlines() if text in line), None)

        return wait_for(find, f"{text!r} in the log of {name}")

    def client(self, bundle: str = "client", **options: Any) -> FarmClient:
        return FarmClient(FarmOptions(tracker=self.address, bundle=TlsBundle.read(self.bundles[bundle]), **options))

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "audit.jsonl").read_text().splitlines()][self.audit_start :]

    def agent(self, name: str) -> int:
        """The process of a daemon that talks to the tracker."""
        supervisor = self.processes[name].pid

        def find() -> int | None:
            children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
            return next((int(pid) for pid in children if b"fleet.daemon.agent" in Path(f"/proc/{pid}/cmdline").read_bytes()), None)

        return wait_for(find, f"an agent of {name}")

    def stop(self) -> None:
        for process in self.processes.values():
            with_continue(process.pid)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def local_fleet(bundles: dict[str, Path]) -> Iterator[LocalFleet]:
    """Ends its processes and removes its folder."""
    folder = Path(tempfile.mkdtemp(prefix="tilewright-fleet-"))
    folder.chmod(0o755)
    local = LocalFleet(folder, bundles)
    try:
        yield local
    finally:
        local.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_fleet() -> Iterator[LocalFleet]:
    """With certificates of its own, and a tracker."""
    with tempfile.TemporaryDirectory() as folder, local_fleet(make_bundles(Path(folder))) as fleet:
        fleet.start_tracker()
        yield fleet


def with_continue(pid: int) -> None:
    """A stopped process would not hear that it shall end."""
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return


def wait_for(find: Callable[[], T | None], what: str, secs: float = START_SECS) -> T:
    """What `find` finds, as soon as it finds something."""
    deadline = time.monotonic() + secs
    while time.monotonic() < deadline:
        found = find()
        if found is not None and found is not False:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no {what} within {secs:.0f} s")


def wait_for_devices(client: FarmClient, count: int) -> None:
    wait_for(lambda: len(client.devices()) == count or None, f"{count} devices")
