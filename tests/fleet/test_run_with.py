"""`--run-with`: words that stand before every candidate's program, in both sandboxes."""

import shutil
from pathlib import Path

import pytest

from benchmarks.local_fleet import local_fleet, wait_for_devices
from fleet import Blob, FleetError
from fleet.daemon.__main__ import find_launcher, read_options
from fleet.daemon.options import DaemonOptions
from fleet.daemon.sandbox import KINDS, choose_kind
from tests.fleet.conftest import make_job

WHERE = ["--tracker", "127.0.0.1", "--key", "board"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "auto"])
def test_candidates_are_run_with_it(bundles: dict[str, Path], kind: str) -> None:
    try:
        choose_kind(kind)
    except FleetError as reason:
        pytest.skip(str(reason))
    program = Blob.of(b'#!/bin/sh\necho "$GREETING"; cat\n')
    with local_fleet(bundles) as fleet:
        fleet.start_tracker()
        fleet.start_device("one", "--sandbox", kind, "--run-with", "env 'GREETING=good day'")
        with fleet.client() as client:
            wait_for_devices(client, 1)
            result = client.submit(make_job("greeting", program, b"and a text"), {program.digest: program}).result(60)
    assert (result.code, result.output) == (0, b"good day\nand a text"), result


def test_its_program_is_looked_for_at_once() -> None:
    assert find_launcher("sh -c 'a b'") == (shutil.which("sh"), "-c", "a b")
    assert find_launcher("") == ()
    with pytest.raises(FleetError, match="--run-with names 'no-such-emulator', which is not a program on PATH"):
        find_launcher("no-such-emulator -L /")
    with pytest.raises(FleetError, match='--run-with "taskset \'": No closing quotation'):
        find_launcher("taskset '")


def test_it_reaches_the_agent() -> None:
    options = read_options([*WHERE, "--run-with", "sh -c"])
    assert DaemonOptions.from_json(options.to_json()) == options
    assert options.run_with[1:] == ("-c",)
