"""`ForeignRecord` -> rows -> `ForeignRecord`. Used by `import_log.py` and `database.py`, in their transactions.

The columns serve queries; what comes back is read anew from the text that was kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from compiler.workload import canonical_json
from measure import Device
from records_db.foreign_record import ForeignRecord, ForeignTask
from records_db.identify import insert_or_ignore, keep_device, keep_target, keep_workload, keep_workload_row
from records_db.log_formats import LOG_FORMATS, BadLine
from records_db.models import OriginRow, RecordRow
from records_db.record import Source
from records_db.rows import encode_measurement, plain_json, plain_text, schedule_key

NO_SCHEDULE = ""


class ForeignWriter:
    """Adds records of other tools within one transaction; each workload, target and device is looked up once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ids: dict[tuple[str, str], int] = {}

    def add(self, session_id: int, records: Sequence[ForeignRecord]) -> int:
        """How many of them were not there already."""
        first = {record.key: record for record in reversed(records)}
        rows = [{"key": key, "format": record.task.format, "text": record.text} for key, record in sorted(first.items())]
        statement = insert_or_ignore(self._session, OriginRow).returning(OriginRow.key, OriginRow.id)
        origins = dict(self._session.execute(statement, rows).all())
        added = [self._row(session_id, origins[record.key], record) for record in first.values() if record.key in origins]
        added.sort(key=lambda row: row["trial"])
        if added:
            self._session.execute(insert(RecordRow), added)
        return len(added)

    def _row(self, session_id: int, origin_id: int, record: ForeignRecord) -> dict[str, Any]:
        target = plain_text(record.target)
        device = Device(model=plain_text(record.device.model), cores=record.device.cores)
        return {
            "session_id": session_id,
            "origin_id": origin_id,
            "workload_id": self._workload_id(record),
            "target_id": self._once("target", target, lambda: keep_target(self._session, target)),
            "device_id": self._once("device", target, lambda: keep_device(self._session, device)),
            "trial": record.line,
            "source": Source.IMPORTED.value,
            "schedule": NO_SCHEDULE,
            "schedule_key": schedule_key(NO_SCHEDULE),
            "decisions": canonical_json(plain_json(dict(record.decisions))),
            "created": record.created,
            **encode_measurement(record.measurement),
        }

    def _workload_id(self, record: ForeignRecord) -> int:
        task, workload = record.task, record.workload
        if workload is not None:
            return self._once("workload", workload.key, lambda: keep_workload(self._session, workload))
        return self._once("task", task.key, lambda: keep_foreign_task(self._session, task))

    def _once(self, kind: str, key: str, keep: Callable[[], int]) -> int:
        if (kind, key) not in self._ids:
            self._ids[(kind, key)] = keep()
        return self._ids[(kind, key)]


def keep_foreign_task(session: Session, task: ForeignTask) -> int:
    return keep_workload_row(session, task.key, plain_text(task.canonical), plain_text(task.name), task.format)


def read_origin(row: RecordRow, origin: OriginRow) -> ForeignRecord | str:
    """The record as this version reads its text, or why it cannot."""
    log_format = LOG_FORMATS.get(origin.format)
    if log_format is None:
        return f"record {row.id}: unknown log format {origin.format!r}"
    (read,) = log_format.read([(row.trial, origin.text)])
    if isinstance(read, BadLine):
        return f"record {row.id}: its text {read.reason}"
    return replace(read, id=row.id, session=row.session_id)
