"""A database with sessions that were made up: texts that need escaping, failures, forms of one kernel."""

from collections.abc import Sequence
from itertools import islice

from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from measure import Device, Measurement, MeasureStatus, Verification
from records_db import CompilerVersion, Database, Record, SessionStatus, TuneSession
from schedule_space import space_for

TARGET = Target.parse("llvm -mcpu=x86-64-v4 -mtriple=x86_64-unknown-linux-gnu -num-cores=1")
ELSEWHERE = Device(model="A <b>board</b> & more", cores=4)
NASTY = 'LLVM said: <script>alert("x")</script> & "quotes"'


def add_session(
    database: Database,
    workloads: Sequence[Workload],
    secs: Sequence[float | None],
    *,
    weights: dict[str, float] | None = None,
    device: Device = ELSEWHERE,
    seed: int = 0,
) -> int:
    """One session that measures candidates of each workload's space in order; None fails."""
    session = database.open_session(
        TuneSession(
            tuner="xgb",
            seed=seed,
            options={} if weights is None else {"weights": weights},
            command_line="tilewright tune <model>.onnx --db x.db",
            who="somebody",
            compiler=CompilerVersion(version="0", git="", llvm="22"),
        )
    )
    for workload in workloads:
        space = space_for(workload, TARGET, 1)
        default = space.default()
        candidates = [default, *islice((each for each in space.all() if each != default), len(secs) - 1)]
        assert len(candidates) == len(secs)
        records = [
            Record(
                workload=workload,
                target=str(TARGET),
                device=device,
                schedule=Schedule(()),
                decisions=candidate.to_json(),
                measurement=_measurement(each),
                trial=trial,
            )
            for trial, (candidate, each) in enumerate(zip(candidates, secs, strict=True))
        ]
        database.add_records(session, records)
    database.close_session(session, SessionStatus.FINISHED)
    return session


def _measurement(secs: float | None) -> Measurement:
    if secs is None:
        return Measurement(status=MeasureStatus.COMPILE_ERROR, error=NASTY, build_secs=0.2)
    verdict = Verification(passed=True, tolerance=1e-4, max_error=1e-6, input_seed=0)
    return Measurement(status=MeasureStatus.OK, run_secs=(secs,), build_secs=0.5, measure_secs=0.25, verification=verdict)
