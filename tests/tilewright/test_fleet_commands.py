"""The commands of a fleet, from making its certificates to a tuned model."""

import json
import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.local_fleet import LocalFleet, local_fleet, make_bundles, wait_for, wait_for_devices
from fleet import BUILD_KEY, describe_host
from fleet.daemon.__main__ import make_parser as device_parser
from fleet.tracker.__main__ import make_parser as tracker_parser
from measure.remote_builds.__main__ import make_parser as builder_parser
from records_db import Database
from tests.tilewright.conftest import Command
from tests.tilewright.models import save_classifier

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.usefixtures("lone_candidates")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFleet]:
    with local_fleet(make_bundles(tmp_path_factory.mktemp("farm"))) as fleet:
        fleet.start_tracker()
        for name in ("one", "two"):
            fleet.start_device(name)
        with fleet.client() as client:
            wait_for_devices(client, 2)
        yield fleet


def test_certificates_are_made_once(command: Command, tmp_path: Path) -> None:
    made = command("farm", "init-ca", "--ca", str(tmp_path / "ca"))
    assert made.code == 0
    assert "tilewright farm issue" in made.out
    again = command("farm", "init-ca", "--ca", str(tmp_path / "ca"))
    assert again.code == 2
    assert "exists: an authority is not replaced" in again.err
    bundle = tmp_path / "ann.tls"
    assert command("farm", "issue", "--ca", str(tmp_path / "ca"), "--role", "client", "ann", "-o", str(bundle)).code == 0
    assert bundle.stat().st_mode & 0o777 == 0o600
    revoked = command("farm", "revoke", "--ca", str(tmp_path / "ca"), "ann", "-o", str(tmp_path / "revoked.json"))
    assert revoked.out.startswith("Revoked ann: client ")
    assert "tilewright tracker --revoked FILE" in revoked.out
    again = command("farm", "revoke", "--ca", str(tmp_path / "ca"), "ann")
    assert "nothing new, it was revoked before" in again.out
    unknown = command("farm", "revoke", "--ca", str(tmp_path / "ca"), "bob")
    assert (unknown.code, unknown.err.count("\n")) == (2, 1)
    missing = command("farm", "issue", "--ca", str(tmp_path), "--role", "client", "ann", "-o", str(tmp_path / "b.tls"))
    assert missing.code == 2
    assert "make one with: tilewright farm init-ca" in missing.err


def test_devices_lists_what_there_is(command: Command, fleet: LocalFleet) -> None:
    where = ("--tracker", str(fleet.address), "--tls", str(fleet.bundles["client"]))
    listed = command("devices", *where, "-f", "json")
    assert listed.code == 0
    found = json.loads(listed.out)
    assert found["keys"] == [{"key": "board", "total": 2, "free": 2, "queued": 0}]
    assert [row["name"] for row in found["devices"]] == ["one", "two"]
    assert found["devices"][0]["fingerprint"] == describe_host().fingerprint
    table = command("devices", *where)
    assert re.search(r"board \| +2 \| +2 \| +0", table.out)


def test_tune_on_two_devices(command: Command, fleet: LocalFleet, tmp_path: Path) -> None:
    model, database = save_classifier(tmp_path / "classifier.onnx"), tmp_path / "tuned.db"
    where = ("--tracker", str(fleet.address), "--tls", str(fleet.bundles["client"]), "--key", "board", "--devices", "2")
    tuned = command("tune", str(model), *where, "--threads", "1", "--trials", "8", "--db", str(database))
    assert tuned.code == 0, tuned.err
    assert "8 trials" in tuned.out
    with Database(f"sqlite:///{database}") as opened:
        records = opened.records()
    trials = [record for record in records if record.device == describe_host()]
    assert len(trials) >= 8
    assert any(record.measurement.verification is not None and record.measurement.verification.passed for record in trials)
    assert {dict(record.measurement.facts)["device_name"] for record in trials} <= {"one", "two"}
    compiled = command("compile", str(model), "--threads", "1", "--db", str(database), "-o", str(tmp_path / "model.so"))
    assert compiled.code == 0, compiled.err


def start_builder(fleet: LocalFleet) -> None:
    fleet.start(
        "builder", "measure.remote_builds", "--tracker", str(fleet.address), "--tls", str(fleet.bundles["builder"]), "--workers", "2"
    )
    with fleet.client() as client:
        wait_for(lambda: sum(row.key == BUILD_KEY for row in client.devices()) == 3 or None, "a builder")


@pytest.mark.parametrize("where", [["--key", "board"], []], ids=["timed on a device", "timed here"])
def test_tune_with_builders(command: Command, fleet: LocalFleet, tmp_path: Path, where: list[str]) -> None:
    if "builder" not in fleet.processes:
        start_builder(fleet)
    model, database = save_classifier(tmp_path / "classifier.onnx"), tmp_path / "tuned.db"
    there = ["--builders", str(fleet.address), "--tls", str(fleet.bundles["client"])]
    where = ["--tracker", str(fleet.address), *where] if where else []
    built_before = len(builds(fleet))
    tuned = command("tune", str(model), *there, *where, "--threads", "1", "--trials", "8", "--db", str(database))
    assert tuned.code == 0, tuned.err
    assert "8 trials" in tuned.out
    assert len(builds(fleet)) - built_before >= 8
    with Database(f"sqlite:///{database}") as opened:
        trials = opened.records()
        assert f"--builders {fleet.address} --tls" in opened.sessions()[-1].session.command_line
    assert any(record.measurement.verification is not None and record.measurement.verification.passed for record in trials)


def builds(fleet: LocalFleet) -> list[dict[str, Any]]:
    return [entry for entry in fleet.audit() if entry["event"] == "job" and entry["key"] == BUILD_KEY]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--builders", "127.0.0.1:1"], "cannot reach the tracker at 127.0.0.1:1"),
        (["--builders", "192.0.2.1:1"], "give --tls FILE"),
        (["--key", "board"], "--tracker and --key belong together"),
        (["--tracker", "127.0.0.1:1"], "--tracker and --key belong together"),
        (["--devices", "2"], "--devices is for the devices of a fleet"),
        (["--priority", "5"], "--priority is for the devices of a fleet"),
        (["--insecure"], "--tls and --insecure are for a tracker"),
        (["--tls", "my.tls"], "--tls and --insecure are for a tracker"),
        (["--tracker", "127.0.0.1:1", "--key", "board"], "cannot reach the tracker at 127.0.0.1:1"),
        (["--tracker", "192.0.2.1:1", "--key", "board"], "give --tls FILE"),
        (["--tracker", "no:port", "--key", "board"], "is not of the form HOST:PORT"),
        (["--tracker", "127.0.0.1:1", "--key", "board", "--tls", "missing.tls"], "cannot read the TLS bundle missing.tls"),
    ],
)
def test_bad_input_is_one_line(command: Command, tmp_path: Path, options: list[str], text: str) -> None:
    model = save_classifier(tmp_path / "classifier.onnx")
    refused = command("tune", str(model), *options, "--db", str(tmp_path / "none.db"))
    assert refused.code == 2
    assert text in refused.err
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "none.db").exists()


def test_a_key_that_no_device_has(command: Command, fleet: LocalFleet, tmp_path: Path) -> None:
    model = save_classifier(tmp_path / "classifier.onnx")
    where = ("--tracker", str(fleet.address), "--tls", str(fleet.bundles["client"]))
    refused = command("tune", str(model), *where, "--key", "pi3b", "--db", str(tmp_path / "none.db"))
    assert refused.code == 2
    assert "no device has the key 'pi3b'; the keys there are: board" in refused.err


@pytest.mark.parametrize(
    "words",
    [["tracker", "--host", "0.0.0.0"], ["device", "--tracker", "192.0.2.1", "--key", "x"], ["builder", "--tracker", "192.0.2.1"]],
    ids=" ".join,
)
def test_beyond_this_machine_there_is_tls_or_a_word_said_aloud(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "tilewright", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "give --tls FILE (made by `tilewright farm issue`), or say --insecure" in done.stderr


def test_without_tls_on_this_machine(command: Command, bare: LocalFleet) -> None:
    listed = command("devices", "--tracker", str(bare.address), "-f", "json")
    assert json.loads(listed.out)["keys"] == []


@pytest.fixture
def bare(fleet: LocalFleet) -> Iterator[LocalFleet]:
    with local_fleet(fleet.bundles) as bare:
        bare.start("tracker", "fleet.tracker", "--port", "0")
        line = wait_for(lambda: next((line for line in bare.log("tracker").splitlines() if "tracker at" in line), None), "tracker")
        bare.port = int(line.partition(",")[0].rpartition(":")[2])
        yield bare


@pytest.mark.parametrize(
    ("name", "parser"),
    [("tracker", tracker_parser()), ("device", device_parser()), ("builder", builder_parser())],
    ids=["tracker", "device", "builder"],
)
def test_the_reference_names_every_option(name: str, parser: ArgumentParser) -> None:
    reference = (ROOT / "docs" / "command-line.md").read_text()
    synopsis = reference.partition(f"\ntilewright {name} ")[2].partition("\ntilewright ")[0]
    offered = {option for line in parser.format_help().splitlines() for option in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", line)}
    assert set(re.findall(r"--[a-z-]+", synopsis)) == offered - {"--help"}
