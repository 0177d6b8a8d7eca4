"""A Raspberry Pi without one: Debian's ARM userland under qemu-user runs the daemon, and `tilewright tune` measures there.

Its times mean nothing; everything else is as on a board: a 32-bit or 64-bit ARM Python with Debian's packages, TLS, files, candidates that
were compiled and linked here, their sandbox, and the records.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.local_fleet import LocalFleet, local_fleet, wait_for
from compiler.driver import compile_kernel
from compiler.target import Target
from fleet import Device, DeviceRow, describe_host
from fleet.client import FarmClient
from measure import BuildRequest, Built, MeasureStatus, RunLimits, RunnerOptions
from measure.remote import RemoteOptions, RemoteRunner
from measure.remote.native_code import COMPILER_FUNCTION
from records_db import Database
from schedule_space import default_schedule
from tests.conformance.emulator import Emulator
from tests.fleet.userland import ROOT, TARGETS, NoUserland, Userland, userland, userland_or_skip
from tests.schedule_space.workloads import WORKLOADS
from tests.tilewright.conftest import Command, command
from tests.tilewright.models import save_classifier

__all__ = ["command"]  # the fixture
pytestmark = [pytest.mark.needs_network, pytest.mark.needs_qemu]

MACHINES = {"armhf": "armv7l", "arm64": "aarch64"}
JOIN_SECS = 400.0  # an emulated Python takes 5 s of processor time to import Dask
SILENCE = ("--silence", "60")
KERNELS = 3  # of the model
DIVIDING = ("concat", "average_pool_blocked")


@pytest.fixture(scope="module", params=TARGETS)
def board(request: pytest.FixtureRequest) -> Userland:
    return userland_or_skip(request.param)


@pytest.fixture(scope="module")
def fleet(board: Userland, bundles: dict[str, Path]) -> Iterator[LocalFleet]:
    with local_fleet(bundles) as fleet:
        fleet.start_tracker(*SILENCE)
        start_board(fleet, board)
        yield fleet


def start_board(fleet: LocalFleet, board: Userland) -> None:
    """As root the daemon runs candidates as nobody, who has to reach the emulator. bubblewrap knows nothing of emulated programs."""
    place = fleet.folder / "board"
    shutil.copytree(ROOT / "fleet", place / "packages" / "fleet", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--tracker", str(fleet.address), "--tls", str(fleet.bundles["device"]), "--key", "pi3b", "--target", board.target]
    options += ["--name", "pi", "--cache", str(place / "cache"), "--memory", "200M"]
    options += ["--sandbox", "rlimit", "--run-with", " ".join(board.launcher(place))]
    with (fleet.folder / "pi.log").open("wb") as log:
        fleet.processes["pi"] = subprocess.Popen(
            [str(board.python), "-P", "-m", "fleet.daemon", *options],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{place / 'packages'}{os.pathsep}{board.packages}"},
        )


def joined(fleet: LocalFleet, client: FarmClient) -> DeviceRow:
    def find() -> DeviceRow | None:
        assert fleet.processes["pi"].poll() is None, fleet.log("pi")
        return next(iter(client.devices()), None)

    return wait_for(find, "device", JOIN_SECS)


def test_tune_measures_there_and_keeps_verified_records(board: Userland, fleet: LocalFleet, command: Command, tmp_path: Path) -> None:
    with fleet.client() as client:
        row = joined(fleet, client)
    assert (row.key, row.target, row.health["sandbox"]) == ("pi3b", board.target, "rlimit")
    assert row.device["facts"]["machine"] == MACHINES[board.architecture]
    assert row.device["model"] != describe_host().model, "its records are not mistaken for this machine's"

    model, database = save_classifier(tmp_path / "classifier.onnx"), tmp_path / "tuned.db"
    where = ("--tracker", fleet.address, "--tls", fleet.bundles["client"], "--key", "pi3b")
    tuned = command("tune", model, *where, "--threads", 2, "--trials", 6, "--db", database)
    assert tuned.code == 0, f"{tuned.err}\n{fleet.log('pi')}"
    assert "6 trials" in tuned.out
    with Database(f"sqlite:///{database}") as opened:
        records = [record for record in opened.records() if record.device == Device.from_json(row.device)]
    assert {record.measurement.error for record in records} == {""}
    assert {dict(record.measurement.facts)["device_name"] for record in records} == {"pi"}
    assert {Target.parse(str(record.target)).triple for record in records} == {Target.parse(board.target).triple}
    verified = {record.workload for record in records if record.measurement.verification and record.measurement.verification.passed}
    assert len(verified) >= KERNELS

    compiled = command("compile", model, "--target", board.target, "--threads", 2, "--db", database, "-o", tmp_path / "model.so")
    assert compiled.code == 0, compiled.err
    assert "3 from records, 0 by default" in compiled.out


def test_kernels_that_need_functions_of_the_compiler(board: Userland, fleet: LocalFleet) -> None:
    """Divisions of 64-bit integers, which 32-bit ARM has no instruction for."""
    target = replace(Target.parse(board.target), cores=1)
    with fleet.client() as client:
        joined(fleet, client)
        with RemoteRunner(client, RemoteOptions(key="pi3b"), RunnerOptions(timeout_secs=60.0)) as runner:
            for name in DIVIDING:
                request = BuildRequest(workload=WORKLOADS[name], schedule=default_schedule(WORKLOADS[name], target, 1), target=target)
                artifact = compile_kernel(request.workload, request.schedule, target)
                assert bool(COMPILER_FUNCTION.search(artifact.object_code)) is (board.architecture == "armhf")
                measurement = runner.run(Built(request=request, artifact=artifact, build_secs=0.0), RunLimits())
                assert measurement.status is MeasureStatus.OK, measurement.error
                assert measurement.verification is not None


def test_where_none_can_be_had_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho 'E: Unable to locate package' \"$@\" >&2\nexit 100\n")
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("tests.fleet.userland.FOLDER", tmp_path / "userlands")
    monkeypatch.setattr("tests.fleet.userland.emulator", lambda _: Emulator(("qemu",)))
    with pytest.raises(NoUserland, match=r"no Debian for armhf: `apt-get update` failed: E: Unable .*; `make userland` fetches it"):
        userland("armhf")
    assert not list((tmp_path / "userlands").glob("armhf*")), "nothing half made is left"
