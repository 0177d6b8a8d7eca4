"""Databases to test, one fixture per backend, and records to put into them.

A backend joins all tests that take `url` or `database` by a fixture that gives the URL of an empty database, named in `BACKENDS`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from compiler.schedule import Schedule
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import Device, Measurement, MeasureStatus, Verification
from records_db import Database, Record, Source, TuneSession
from tests.records_db.postgresql_server import NoServerError, Server, running_server

BACKENDS = ("sqlite_url", "postgresql_url")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A server of our own, started when the first test asks for it."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'tilewright[postgresql]'")
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_server())
        except NoServerError as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture(scope="session")
def database_names() -> Iterator[str]:
    return (f"records_{number}" for number in count())


@pytest.fixture
def postgresql_url(postgresql_server: Server, database_names: Iterator[str]) -> Iterator[str]:
    name = next(database_names)
    yield postgresql_server.create(name)
    postgresql_server.drop(name)


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each backend in turn."""
    name: str = request.getfixturevalue(request.param)
    return name


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with Database(url) as opened:
        yield opened


@pytest.fixture
def session(database: Database) -> int:
    return database.open_session(TuneSession(tuner="random", seed=7))


class Make:
    """Records and their parts, small and alike but for what is asked."""

    @staticmethod
    def workload(width: int = 8) -> Workload:
        return Workload((Argument(TensorType((1, width))),), (GroupOp("relu", (("arg", 0),)),))

    @staticmethod
    def device(model: str = "Xeon", governor: str = "performance") -> Device:
        return Device(model=model, cores=2, facts=(("governor", governor), ("memory_gib", 24)))

    @staticmethod
    def schedule(tile: int = 4) -> Schedule:
        return Schedule.from_json({"format": 1, "steps": [["split", "relu.d1", [tile]], ["vectorize", "relu.d1.1"]]})

    @staticmethod
    def verification(passed: bool = True) -> Verification:
        return Verification(passed=passed, tolerance=1e-4, max_error=2e-7 if passed else 0.5, input_seed=11)

    @staticmethod
    def measured(*run_secs: float, verified: bool | None = True) -> Measurement:
        """verified None: not compared with the reference."""
        compared = None if verified is None else Make.verification(verified)
        return Measurement(status=MeasureStatus.OK, run_secs=run_secs, verification=compared, build_secs=0.05, facts=(("spills", 3),))

    @staticmethod
    def failed(status: MeasureStatus = MeasureStatus.CRASH) -> Measurement:
        return Measurement(status=status, error=f"it ended in {status}", build_secs=0.02)

    @staticmethod
    def record(
        measurement: Measurement | None = None,
        *,
        tile: int = 4,
        width: int = 8,
        target: str = "llvm -mcpu=skylake-avx512 -num-cores=2",
        device: Device | None = None,
        **others: Any,
    ) -> Record:
        """One trial of the candidate that splits by `tile`."""
        decisions: Mapping[str, Any] = {"tile": tile, "order": ["a", "b"]}
        fields: dict[str, Any] = {
            "workload": Make.workload(width),
            "target": target,
            "device": device or Make.device(),
            "schedule": Make.schedule(tile),
            "decisions": decisions,
            "measurement": measurement or Make.measured(1e-3, 1.1e-3),
            "source": Source.MEASURED,
            **others,
        }
        return Record(**fields)


@pytest.fixture(scope="session")
def make() -> type[Make]:
    return Make


@pytest.fixture(scope="session")
def start_child() -> Callable[..., subprocess.Popen[str]]:
    """`start_child(what, url, number)`: one of `child.py`'s commands in a process of its own."""
    script = Path(__file__).parent / "child.py"
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])

    def start(what: str, url: str, number: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", str(script), what, url, str(number)]
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    return start
