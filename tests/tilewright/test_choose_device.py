"""A model for another machine is compiled from what was measured there."""

from collections.abc import Sequence
from pathlib import Path

import tilewright as tw
from compiler.target import Target
from measure import Device, Measurement, MeasureStatus, Verification, describe_host
from records_db import Database, Record, TuneSession
from schedule_space import space_for
from tests.tilewright.conftest import Command
from tilewright.choose_device import device_for

BOARD = Target.parse("pi3b-32")
PI = Device(model="Raspberry Pi 3 Model B Rev 1.2", cores=4, facts=(("machine", "armv7l"),))
OTHER = Device(model="Raspberry Pi Zero 2 W Rev 1.0", cores=4, facts=(("machine", "armv7l"),))


def measured(model: Path, device: Device, target: Target = BOARD) -> list[Record]:
    """One verified record for each form of each kernel."""
    records = []
    for workload in tw.load(model).workloads(target):
        space = space_for(workload, target, target.cores)
        candidate = space.default()
        verification = Verification(passed=True, tolerance=1e-4, max_error=1e-7, input_seed=1)
        measurement = Measurement(status=MeasureStatus.OK, run_secs=(1e-3,), verification=verification)
        records.append(
            Record(
                workload=workload,
                target=str(target),
                device=device,
                schedule=space.schedule(candidate),
                decisions=dict(candidate.decisions),
                measurement=measurement,
            )
        )
    return records


def keep(database: Database, records: Sequence[Record]) -> None:
    database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), records)


def test_for_this_processor_it_is_this_machine(database: Database, classifier: Path) -> None:
    host = Target.parse("host")
    keep(database, measured(classifier, PI, host))
    assert device_for(host, database) == device_for(host, None) == describe_host()


def test_for_another_it_is_the_device_with_the_most_times(database: Database, classifier: Path) -> None:
    assert device_for(BOARD, database) == describe_host(), "nobody has measured"
    pi, other = measured(classifier, PI), measured(classifier, OTHER)
    keep(database, [*pi, *other[:1]])
    assert device_for(BOARD, database) == PI
    keep(database, measured(classifier, Device(model=describe_host().model, cores=1))[:1])
    assert device_for(BOARD, database).model == describe_host().model, "code for it that was measured on a machine like this"


def test_compile_and_explain_use_its_records(command: Command, classifier: Path, tmp_path: Path) -> None:
    file = tmp_path / "team.db"
    with Database(f"sqlite:///{file}") as database:
        keep(database, measured(classifier, PI))
    where = ("--target", "pi3b-32", "--db", file)
    compiled = command("compile", classifier, *where, "-o", tmp_path / "model.so")
    assert "3 from records, 0 by default" in compiled.out, compiled.err
    explained = command("explain", classifier, *where)
    assert f"on {PI}" in explained.out
    assert "0 of 3 kernels have none" in explained.out
