"""A small board can carry the daemon: few packages, little memory."""

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.local_fleet import LocalFleet, wait_for_devices
from fleet import Blob
from tests.fleet.conftest import make_job

HEAVY = {"numpy", "llvmlite", "xgboost", "sqlalchemy", "scipy", "sklearn", "onnx", "rich", "cryptography", "pandas", "bokeh"}
OWN_OTHERS = {"compiler", "schedule_space", "measure", "records_db", "tuner", "tilewright"}
MOST_MIB = 100.0


@pytest.mark.parametrize("module", ["fleet", "fleet.daemon.__main__", "fleet.daemon.agent", "fleet.tracker.__main__", "fleet.client"])
def test_it_needs_nothing_heavy(module: str) -> None:
    """Where these packages are not to be had, as on a board; where they are, Dask takes some of them in."""
    blocked = "".join(f"sys.modules[{name!r}] = None;" for name in sorted(HEAVY | OWN_OTHERS))
    program = f"import sys; {blocked} import {module}; print(all(sys.modules.get(name) is None for name in {sorted(HEAVY)}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr


def test_the_process_that_runs_candidates_does_not_even_have_the_network_code() -> None:
    program = "import sys, fleet.daemon.__main__; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"distributed", "dask", "tornado", "asyncio", "msgpack"}


def test_memory_of_a_daemon_at_work(fleet: LocalFleet) -> None:
    fleet.start_tracker()
    fleet.start_device("one")
    with fleet.client() as client:
        wait_for_devices(client, 1)
        for number in range(50):
            data = Blob.of(b"%d" % number * 20000)
            program = Blob.of(b"#!/bin/sh\nexit 0\n")
            job = make_job(str(number), program, files=(("data", data.digest),))
            assert client.submit(job, {blob.digest: blob for blob in (program, data)}).result(60).code == 0
        daemon = psutil.Process(fleet.processes["one"].pid)
        used = [process.memory_info().rss / 2**20 for process in (daemon, *daemon.children(recursive=True))]
    assert sum(used) <= MOST_MIB, used


@pytest.mark.needs_network
def test_it_installs_alone(tmp_path: Path) -> None:
    """Into a folder of its own, where only it and what is not Tilewright's is found."""
    source = tmp_path / "source"
    shutil.copytree(Path(__file__).parents[2] / "fleet", source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site"), str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0 and "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("no package index is reachable: pip needs setuptools to build the daemon's distribution")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "site").iterdir() if path.is_dir()} >= {"fleet", "bin"}
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"}
    helped = subprocess.run(
        [sys.executable, "-P", "-m", "fleet.daemon", "--help"], capture_output=True, text=True, env=environment, check=True
    )
    assert "--power-cycle-cmd" in helped.stdout
