"""A database -> the lines of its export, in `own_format.py`; and the lines of other tools' logs as they were read."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from records_db.models import CompilerRow, DeviceRow, OriginRow, RecordRow, SessionRow, TargetRow, WorkloadRow
from records_db.own_format import MARK, OWN_VERSION, REFERENCES, ROWS_AT_A_TIME, SESSION_COLUMNS, plain, record_columns


def write_own(session: Session, schema: str) -> Iterator[str]:
    """The lines of a whole database."""
    yield _line({MARK: OWN_VERSION, "schema": schema})
    seen: set[tuple[str, int]] = set()
    for number in session.scalars(select(SessionRow.id).order_by(SessionRow.id)).all():  # those without records too
        yield from _reference(session, "session", number, seen)
    query = select(RecordRow, OriginRow).outerjoin(OriginRow, RecordRow.origin_id == OriginRow.id).order_by(RecordRow.id)
    for row, origin in session.execute(query.execution_options(yield_per=ROWS_AT_A_TIME)):
        ids = {"workload": row.workload_id, "target": row.target_id, "device": row.device_id, "session": row.session_id}
        for kind, number in ids.items():
            yield from _reference(session, kind, number, seen)
        columns = {name: plain(value) for name, value in record_columns(row).items()}
        told = None if origin is None else {"format": origin.format, "key": origin.key, "text": origin.text}
        yield _line({"record": {**ids, **columns, "origin": told}})
        session.expunge(row)


def write_origins(session: Session, format_name: str) -> Iterator[str]:
    """The lines that were read from logs of this format."""
    query = select(OriginRow.text).join(RecordRow, RecordRow.origin_id == OriginRow.id).where(OriginRow.format == format_name)
    yield from session.scalars(query.order_by(RecordRow.id).execution_options(yield_per=ROWS_AT_A_TIME))


def _reference(session: Session, kind: str, number: int, seen: set[tuple[str, int]]) -> Iterator[str]:
    if (kind, number) in seen:
        return
    seen.add((kind, number))
    yield _line({kind: {"id": number, **_reference_data(session, kind, number)}})


def _reference_data(session: Session, kind: str, number: int) -> dict[str, Any]:
    match kind:
        case "workload":
            workload = session.get_one(WorkloadRow, number)
            return {"name": workload.name, "dialect": workload.dialect, "canonical": workload.canonical}
        case "target":
            return {"text": session.get_one(TargetRow, number).text}
        case "device":
            device = session.get_one(DeviceRow, number)
            return {"fingerprint": device.fingerprint, "model": device.model, "cores": device.cores, "facts": device.facts}
        case "session":
            row = session.get_one(SessionRow, number)
            compiler = session.get_one(CompilerRow, row.compiler_id)
            columns = {name: plain(getattr(row, name)) for name in SESSION_COLUMNS}
            return {**columns, "compiler": {"version": compiler.version, "git": compiler.git, "llvm": compiler.llvm}}
    raise ValueError(f"{kind!r} is none of {REFERENCES}")


def _line(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))
