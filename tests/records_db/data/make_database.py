"""Writes `schema_NNNN.sqlite` and `.sql`, of the schema that the code has now: one session with three records of one workload."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from compiler.schedule import Schedule
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import Device, Measurement, MeasureStatus, Verification
from records_db import CompilerVersion, Database, Record, SessionStatus, TuneSession
from records_db.migrate import SCHEMA
from tests.records_db.postgresql_server import programs, running_server

PAGE_BYTES = 512


def record(tile: int, measurement: Measurement) -> Record:
    steps = [["split", "relu.d1", [tile]], ["vectorize", "relu.d1.1"]]
    return Record(
        workload=Workload((Argument(TensorType((1, 8))),), (GroupOp("relu", (("arg", 0),)),)),
        target="llvm -mcpu=skylake-avx512 -num-cores=2",
        device=Device(model="Xeon", cores=2, facts=(("governor", "performance"), ("memory_gib", 24))),
        schedule=Schedule.from_json({"format": 1, "steps": steps}),
        decisions={"tile": tile},
        measurement=measurement,
        created=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def fill(url: str) -> None:
    verification = Verification(passed=True, tolerance=1e-4, max_error=2e-7, input_seed=11)
    slow = Measurement(status=MeasureStatus.OK, run_secs=(2e-3,), verification=verification, facts=(("spills", 3),))
    crash = Measurement(status=MeasureStatus.CRASH, error="signal 11")
    compiler = CompilerVersion(version="0.1.0", git="", llvm="20.1.8")
    with Database(url) as database:
        session = database.open_session(TuneSession(tuner="random", seed=7, options={"trials": 3}, who="ada@engine", compiler=compiler))
        database.add_records(session, [record(2, slow), record(4, replace(slow, run_secs=(1e-3, 1.1e-3))), record(8, crash)])
        database.close_session(session, SessionStatus.FINISHED)


def write_file(file: Path) -> None:
    """A SQLite file with small pages."""
    small = sqlite3.connect(file)
    small.execute(f"PRAGMA page_size={PAGE_BYTES}")
    small.execute("VACUUM")
    small.close()
    fill(f"sqlite:///{file}")


def write_dump(file: Path) -> None:
    """What pg_dump writes of a PostgreSQL database, without comments and without commands of psql."""
    with running_server() as server:
        url = server.create("old")
        fill(url)
        dump = [str(programs() / "pg_dump"), "--inserts", "--no-owner", "--no-comments", "--dbname", url]
        text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    lines = (line for line in text.splitlines() if line and not line.startswith(("--", "\\")))
    file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    folder = Path(__file__).parent
    for suffix, write in ((".sqlite", write_file), (".sql", write_dump)):
        place = folder / f"schema_{SCHEMA}{suffix}"
        if place.exists():
            sys.stdout.write(f"{place.name} is there already, and old databases stay as they are\n")
        else:
            write(place)
