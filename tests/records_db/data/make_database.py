"""Writes `schema_NNNN.sqlite` of the schema that the code has now: one session with three records of one workload."""

import sqlite3
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


def write(file: Path) -> None:
    verification = Verification(passed=True, tolerance=1e-4, max_error=2e-7, input_seed=11)
    slow = Measurement(status=MeasureStatus.OK, run_secs=(2e-3,), verification=verification, facts=(("spills", 3),))
    crash = Measurement(status=MeasureStatus.CRASH, error="signal 11")
    small = sqlite3.connect(file)
    small.execute(f"PRAGMA page_size={PAGE_BYTES}")
    small.execute("VACUUM")
    small.close()
    compiler = CompilerVersion(version="0.1.0", git="", llvm="20.1.8")
    with Database(f"sqlite:///{file}") as database:
        session = database.open_session(TuneSession(tuner="random", seed=7, options={"trials": 3}, who="ada@engine", compiler=compiler))
        database.add_records(session, [record(2, slow), record(4, replace(slow, run_secs=(1e-3, 1.1e-3))), record(8, crash)])
        database.close_session(session, SessionStatus.FINISHED)


if __name__ == "__main__":
    place = Path(__file__).parent / f"schema_{SCHEMA}.sqlite"
    if place.exists():
        sys.exit(f"{place} is there already, and old databases stay as they are")
    write(place)
