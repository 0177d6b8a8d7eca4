"""A plain Dask cluster whose workers have builders beside them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from benchmarks.local_fleet import LocalFleet, local_fleet, wait_for, wait_for_devices
from compiler.runtime import child_environment
from measure import Built
from measure.remote_builds import RemoteBuilder, RemoteBuilderOptions
from tests.fleet.conftest import bundles
from tests.measure.test_builder import GOOD

__all__ = ["bundles"]  # the fixture
DASK = "from dask.__main__ import main; main()"
QUIET = ["--host", "127.0.0.1", "--no-dashboard"]


@pytest.fixture
def fleet(bundles: dict[str, Path]) -> Iterator[LocalFleet]:
    with local_fleet(bundles) as fleet:
        fleet.start_tracker()
        yield fleet


def test_builds_are_spread_over_the_workers_of_a_dask_cluster(fleet: LocalFleet, tmp_path: Path) -> None:
    with ExitStack() as stack, fleet.client() as client:
        scheduler = start(stack, tmp_path / "scheduler.log", "scheduler", *QUIET, "--port", "0")
        address = wait_for(lambda: listening(tmp_path / "scheduler.log"), "Dask scheduler")
        options = ["--tracker", str(fleet.address), "--tls", str(fleet.bundles["builder"])]
        for number in range(2):
            worker = ["--no-nanny", "--nthreads", "1", "--name", f"w{number}", "--local-directory", str(tmp_path), *QUIET]
            preload = ["--preload", "measure.remote_builds.dask_worker", *options]
            last = start(stack, tmp_path / f"w{number}.log", "worker", address, *worker, *preload)
        wait_for_devices(client, 4)
        assert {name_of(row.name) for row in client.devices()} == {"dask-w0", "dask-w1"}
        with RemoteBuilder(client, RemoteBuilderOptions(timeout_secs=60.0)) as remote:
            assert all(isinstance(built, Built) for _, built in remote.stream([GOOD] * 6))
        assert {name_of(entry["device"]) for entry in fleet.audit() if entry["event"] == "job"} == {"dask-w0", "dask-w1"}
        builders = psutil.Process(last.pid).children()
        last.kill()
        wait_for(lambda: not any(builder.is_running() for builder in builders) or None, "end of the builder whose worker was killed", 20)
        wait_for_devices(client, 2)
        assert scheduler.poll() is None


def name_of(slot: str) -> str:
    """Of the builder: slots after the first have a number behind it."""
    return "-".join(slot.split("-")[:2])


def start(stack: ExitStack, log: Path, *words: str) -> "subprocess.Popen[bytes]":
    """A command of Dask's, which is ended with the stack."""
    output = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", DASK, *words], stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=child_environment(sys.path)
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def listening(log: Path) -> str | None:
    found = re.search(r"Scheduler at:\s+(tcp://\S+)", log.read_text())
    return found[1] if found else None
