"""The ladder of the best-record query: the same device, else another device of the same model, else nothing.

The cost of a candidate on a device is the least cost of its rows with a time there (re-measurements are rows). A candidate counts only if
the latest verdict on it there is that its answer is right: one that was never compared, or was wrong when last compared, is passed over.
The least of many noisy times is often luck, so a candidate that did not win when the fastest were last timed against each other
(`measure/paired_comparison.py`) is passed over too, as long as another is left. For the same reason a candidate that was timed against the
other forms of its kernel costs what it took there, and not its least time: forms are chosen by their costs.
Times of two devices are never compared: of several devices of the same model the one with the most times for the workload is asked first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnClause, ColumnElement, ScalarSelect, Select, func, literal_column, select
from sqlalchemy.orm import Session, aliased

from measure import FORM_SECS_FACT, VERDICT_FACT, Device, Verdict
from records_db.foreign_record import ForeignRecord
from records_db.identify import find_device, find_target
from records_db.models import DeviceRow, RecordRow
from records_db.read_records import RecordReader
from records_db.record import BestRecord, Record, Rung, Source
from records_db.rows import decode_device, decode_verification

ROWS_AT_A_TIME = 8
OK: ColumnClause[str] = literal_column("'ok'")  # spelled out: with a bound value SQLite would not use the partial index
BEATEN = (Verdict.LOST, Verdict.TIED)
JUDGED = aliased(RecordRow)  # made once: it takes as long as the query


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """The best record of one workload and target on one device; trials: of all that have a time there."""

    best: BestRecord
    trials: int


@dataclass(frozen=True, slots=True)
class Task:
    """What the best record is asked for. sources: whose times count."""

    workload_id: int
    target_id: int
    sources: tuple[Source, ...]


def rungs(session: Session, task: Task, device: Device) -> Iterator[tuple[Rung, int]]:
    """The devices to ask, in order."""
    exact = find_device(session, device)
    if exact is not None:
        yield Rung.SAME_DEVICE, exact
    akin = (
        select(DeviceRow.id)
        .join(RecordRow, RecordRow.device_id == DeviceRow.id)
        .where(DeviceRow.model == device.model, DeviceRow.fingerprint != device.fingerprint)
        .where(RecordRow.workload_id == task.workload_id, RecordRow.target_id == task.target_id, RecordRow.status == OK)
        .group_by(DeviceRow.id)
        .order_by(func.count().desc(), DeviceRow.id.desc())
    )
    for device_id in session.scalars(akin).all():
        yield Rung.SAME_MODEL, device_id


def best_on_device(session: Session, reader: RecordReader, task: Task, device_id: int, rung: Rung) -> BestRecord | None:
    """The fastest right candidate that this version can read; a beaten one only if there is no other."""
    beaten: BestRecord | None = None
    for row in best_rows(session, task, device_id):
        record, candidate_rows = reader.read(row), list(rows_of_candidate(session, row, task))
        judged = next((each for each in candidate_rows if each.verdict is not None), None)
        verification = decode_verification(judged) if judged is not None else None
        if isinstance(record, Record) and row.cost is not None and verification is not None:
            cost_secs = _secs_beside_other_forms(candidate_rows) or row.cost
            best = BestRecord(record=record, cost_secs=cost_secs, rung=rung, verification=verification)
            if not _was_beaten(candidate_rows):
                return best
            beaten = beaten or best
    return beaten


def leaders(session: Session, reader: RecordReader) -> Iterator[Leader]:
    """Of every workload, target and device with a time, the fastest right candidate; counted by the index alone."""
    columns = (RecordRow.workload_id, RecordRow.target_id, RecordRow.device_id)
    for workload_id, target_id, device_id, trials in session.execute(
        select(*columns, func.count()).where(RecordRow.status == OK).group_by(*columns)
    ).all():
        task = Task(workload_id, target_id, (Source.MEASURED,))
        best = best_on_device(session, reader, task, device_id, Rung.SAME_DEVICE)
        if best is not None:
            yield Leader(best=best, trials=trials)


def foreign_leaders(session: Session, reader: RecordReader) -> Iterator[ForeignRecord]:
    """Of every workload and target that other tools' records have a time for, the fastest one."""
    columns = (RecordRow.workload_id, RecordRow.target_id, RecordRow.device_id)
    foreign = select(*columns).where(RecordRow.origin_id.is_not(None), RecordRow.status == OK).distinct()
    for ids in session.execute(foreign).all():
        query = select(RecordRow).where(*(column == number for column, number in zip(columns, ids, strict=True)))
        query = query.where(RecordRow.status == OK, RecordRow.origin_id.is_not(None)).order_by(RecordRow.cost, RecordRow.id).limit(1)
        found = reader.read_any(session.scalars(query).one())
        if isinstance(found, ForeignRecord):
            yield found


def best_rows(session: Session, task: Task, device_id: int) -> Iterator[RecordRow]:
    """The rows of right candidates on one device, fastest first."""
    result = session.scalars(best_query(task, device_id).execution_options(yield_per=ROWS_AT_A_TIME))
    try:
        yield from result
    finally:
        result.close()


def best_query(task: Task, device_id: int) -> Select[RecordRow]:
    return (
        select(RecordRow)
        .where(RecordRow.workload_id == task.workload_id, RecordRow.target_id == task.target_id, RecordRow.device_id == device_id)
        .where(RecordRow.status == OK, _counts(RecordRow, task), _latest_verdict(task).is_(True))
        .order_by(RecordRow.cost, RecordRow.id)
    )


def _counts(row: type[RecordRow], task: Task) -> ColumnElement[bool]:
    return row.source.in_([source.value for source in task.sources])


def _latest_verdict(task: Task) -> ScalarSelect[bool | None]:
    judged, row = JUDGED, RecordRow
    return (
        select(judged.verdict)
        .where(judged.workload_id == row.workload_id, judged.target_id == row.target_id, judged.device_id == row.device_id)
        .where(judged.schedule_key == row.schedule_key, judged.schedule == row.schedule)
        .where(judged.verdict.is_not(None), _counts(judged, task))
        .order_by(judged.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def rows_of_candidate(session: Session, row: RecordRow, task: Task) -> Sequence[RecordRow]:
    """All measurements there of the candidate of `row`, latest first."""
    query = (
        select(RecordRow)
        .where(RecordRow.workload_id == row.workload_id, RecordRow.target_id == row.target_id, RecordRow.device_id == row.device_id)
        .where(RecordRow.schedule_key == row.schedule_key, RecordRow.schedule == row.schedule, _counts(RecordRow, task))
        .order_by(RecordRow.id.desc())
    )
    return session.scalars(query).all()


def _was_beaten(rows: Sequence[RecordRow]) -> bool:
    """When its candidate was last timed against others, turn by turn."""
    return next((row.facts[VERDICT_FACT] in BEATEN for row in rows if VERDICT_FACT in row.facts), False)


def _secs_beside_other_forms(rows: Sequence[RecordRow]) -> float | None:
    """When its candidate was last timed against those of other forms of the kernel."""
    return next((row.facts[FORM_SECS_FACT] for row in rows if FORM_SECS_FACT in row.facts), None)


def devices_of(session: Session, target: str) -> list[Device]:
    """Those with times for the target, by how many they have."""
    query = select(DeviceRow).join(RecordRow, RecordRow.device_id == DeviceRow.id)
    query = query.where(
        RecordRow.target_id == find_target(session, target), RecordRow.status == OK, RecordRow.source == Source.MEASURED.value
    )
    return [decode_device(row) for row in session.scalars(query.group_by(DeviceRow.id).order_by(func.count().desc(), DeviceRow.id.desc()))]
