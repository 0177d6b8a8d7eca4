"""A fleet on this machine for each test, and certificates of an authority of the session."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.local_fleet import LocalFleet, local_fleet, make_bundles
from fleet import Blob, Job

MARK = f"{os.getpid():07d}"  # digits of a time that candidates sleep: how a left-over process is recognised
QUIET = Blob.of(b"#!/bin/sh\ncat\n")


@pytest.fixture(autouse=True)
def take_turns(lone_candidates: None) -> None:
    """All tests here."""


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_bundles(tmp_path_factory.mktemp("farm"))


@pytest.fixture
def fleet(bundles: dict[str, Path]) -> Iterator[LocalFleet]:
    with local_fleet(bundles) as local:
        yield local
    check_no_orphans()


def check_no_orphans() -> None:
    """Nothing that a candidate of this test process started is left."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listed.splitlines() if line.startswith("sleep") and MARK in line]


def make_job(identity: str, program: Blob = QUIET, stdin: bytes = b"", **options: Any) -> Job:
    return Job(
        **{"identity": identity, "key": "board", "program": program.digest, "files": (), "stdin": stdin, "candidate": program.digest}
        | options
    )
