"""The lines of Tilewright's own export -> rows. Used by `import_log.py`, within its transaction.

A session is the same as one in the database where who started it when, with what seed and command line, is the same; a record of it is the
same where everything about it is; a record of another tool, where its key is.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from records_db.compiler_version import CompilerVersion
from records_db.identify import insert_or_ignore, keep_compiler, keep_device_row, keep_target, keep_workload_row
from records_db.log_formats import BadLine, Line
from records_db.models import DeviceRow, OriginRow, RecordRow, SessionRow, TargetRow, WorkloadRow
from records_db.own_format import (
    MARK,
    OWN_VERSION,
    RECORD_COLUMNS,
    REFERENCES,
    ROWS_AT_A_TIME,
    SESSION_COLUMNS,
    digest,
    mapping,
    read_columns,
    record_columns,
    text,
    whole,
)

TASK = ("workload", "target", "device")


@dataclass(slots=True)
class _Session:
    """left: how often each record of a session that was there before is there; None for a new session."""

    id: int
    left: Counter[str] | None


class OwnReader:
    """Adds what a file holds and the database does not. records, added: counts so far. schema: the database's."""

    def __init__(self, session: Session, schema: str) -> None:
        self._session = session
        self._schema = schema
        self._ids: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._sessions: dict[int, _Session] = {}
        self._pending: list[dict[str, Any]] = []
        self.records = self.added = 0

    def read(self, lines: Iterable[Line]) -> BadLine | None:
        """The first line that cannot be read ends it."""
        for number, line in lines:
            try:
                self._read_line(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
                return BadLine(number, _reason(error))
        self._flush()
        return None

    def _read_line(self, data: Mapping[str, Any]) -> None:
        if MARK in data:
            self._check_version(data)
            return
        ((kind, content),) = data.items()
        if kind == "record":
            self._add_record(content)
        elif kind == "session":
            self._keep_session(content)
        elif kind in REFERENCES:
            self._keep(kind, content)
        else:
            raise ValueError(f"has the unknown kind {kind!r}; known: {', '.join((*REFERENCES, 'record'))}")

    def _check_version(self, data: Mapping[str, Any]) -> None:
        if data[MARK] != OWN_VERSION or text(data["schema"]) > self._schema:
            found = f"{data[MARK]!r} of schema {data['schema']}"
            raise ValueError(f"has version {found}; this version reads {OWN_VERSION} up to schema {self._schema}: upgrade tilewright")

    def _keep(self, kind: str, content: Mapping[str, Any]) -> None:
        place = (kind, whole(content["id"]))
        match kind:
            case "workload":
                key = hashlib.sha256(text(content["canonical"]).encode()).hexdigest()
                found = keep_workload_row(self._session, key, content["canonical"], text(content["name"]), text(content["dialect"]))
            case "target":
                key = text(content["text"])
                found = keep_target(self._session, key)
            case _:
                key = text(content["fingerprint"])
                found = keep_device_row(self._session, key, text(content["model"]), whole(content["cores"]), mapping(content["facts"]))
        self._ids[place], self._keys[place] = found, key

    def _keep_session(self, content: Mapping[str, Any]) -> None:
        compiler = CompilerVersion(**{name: text(value) for name, value in mapping(content["compiler"]).items()})
        values = read_columns(SESSION_COLUMNS, content)
        identity = {name: values[name] for name in ("who", "tuner", "seed", "command_line", "started")}
        row = self._session.scalars(select(SessionRow).filter_by(**identity).order_by(SessionRow.id)).first()
        if row is None:
            row = SessionRow(compiler_id=keep_compiler(self._session, compiler), **values)
            self._session.add(row)
            self._session.flush()
            self._sessions[whole(content["id"])] = _Session(row.id, None)
            return
        if row.ended is None:
            row.ended, row.status = values["ended"], values["status"]
        self._flush()  # what an earlier copy of the session in this file has added is known too
        self._sessions[whole(content["id"])] = _Session(row.id, self._known_records(row.id))

    def _known_records(self, session_id: int) -> Counter[str]:
        query = (
            select(RecordRow, WorkloadRow.key, TargetRow.text, DeviceRow.fingerprint)
            .join(WorkloadRow, RecordRow.workload_id == WorkloadRow.id)
            .join(TargetRow, RecordRow.target_id == TargetRow.id)
            .join(DeviceRow, RecordRow.device_id == DeviceRow.id)
            .where(RecordRow.session_id == session_id, RecordRow.origin_id.is_(None))
        )
        found: Counter[str] = Counter()
        for row, *task in self._session.execute(query.execution_options(yield_per=ROWS_AT_A_TIME)):
            found[digest(record_columns(row), task)] += 1
            self._session.expunge(row)
        return found

    def _add_record(self, content: Mapping[str, Any]) -> None:
        self.records += 1
        known = self._sessions[content["session"]]
        places = [(kind, content[kind]) for kind in TASK]
        columns = read_columns(RECORD_COLUMNS, content)
        row = {**columns, **{f"{kind}_id": self._ids[(kind, number)] for kind, number in places}, "session_id": known.id, "origin_id": None}
        if content["origin"] is not None:
            row["origin_id"] = self._new_origin(content["origin"])
            is_new = row["origin_id"] is not None
        else:
            is_new = known.left is None or not self._take(known.left, digest(columns, [self._keys[place] for place in places]))
        if is_new:
            self._pending.append(row)
            self.added += 1
        if len(self._pending) >= ROWS_AT_A_TIME:
            self._flush()

    def _take(self, left: Counter[str], of: str) -> bool:
        """Whether the database had one more of it."""
        left[of] -= 1
        return left[of] >= 0

    def _new_origin(self, origin: Mapping[str, Any]) -> int | None:
        """None where it is there already."""
        values = {name: text(origin[name]) for name in ("key", "format", "text")}
        return self._session.execute(insert_or_ignore(self._session, OriginRow).returning(OriginRow.id), [values]).scalar_one_or_none()

    def _flush(self) -> None:
        if self._pending:
            self._session.execute(insert(RecordRow), self._pending)
            self._pending = []


def _reason(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"is not JSON ({error.msg} at column {error.colno})"
        case KeyError():
            return f"lacks {error}, or refers to what no line before it says"
        case RecursionError():
            return "is nested too deeply"
    return str(error) if str(error).startswith("has ") else f"is not one of Tilewright's own ({error})"
