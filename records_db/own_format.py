"""Tilewright's own export, JSON lines: everything that a database holds, row by row. Written by `write_own.py`, read by `read_own.py`.

    {"tilewright_records": 1, "schema": "0002"}                       first
    {"workload": {"id": 3, ...}}  target  device  session             before the first record that refers to it; ids are the file's own
    {"record": {"workload": 3, "target": 1, ..., "origin": null}}

Rows are written as they are, so that what this version cannot read is kept too. A number that is not finite is its name.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from compiler.workload import canonical_json
from measure import MeasureStatus
from records_db.models import RecordRow
from records_db.record import Source
from records_db.rows import plain_json, plain_text
from records_db.tune_session import SessionStatus

JSONL = "jsonl"
MARK = "tilewright_records"
OWN_VERSION = 1
ROWS_AT_A_TIME = 500
LARGEST = (1 << 63) - 1  # that both databases keep
REFERENCES = ("workload", "target", "device", "session")


def is_own(line: str) -> bool:
    """Whether this is the first line of an export of Tilewright's own."""
    return line.startswith("{") and f'"{MARK}"' in line


def text(value: Any) -> str:
    if not isinstance(value, str) or value != plain_text(value):
        raise ValueError(f"has {value!r} where a text belongs")
    return value


def whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise ValueError(f"has {value!r} where a whole number belongs")
    return value


def instant(value: Any) -> datetime:
    read = datetime.fromisoformat(text(value))
    if read.tzinfo is None:
        raise ValueError(f"has the time {value!r} without a zone")
    return read


def mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"has {value!r} where names and values belong")
    return value


def _double(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(f"has {value!r} where a number belongs")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"has {value!r} where true or false belongs")
    return value


def _times(value: Any) -> list[float]:
    if not isinstance(value, list):
        raise ValueError(f"has {value!r} where a list of times belongs")
    return [_double(secs) for secs in value]


def optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


SESSION_COLUMNS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "who": text,
        "tuner": text,
        "seed": whole,
        "options": mapping,
        "command_line": text,
        "status": lambda value: SessionStatus(value).value,
        "started": instant,
        "ended": optional(instant),
    }
)
RECORD_COLUMNS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "trial": whole,
        "source": lambda value: Source(value).value,
        "schedule": text,
        "schedule_key": text,
        "decisions": text,
        "status": lambda value: MeasureStatus(value).value,
        "error": text,
        "run_secs": _times,
        "cost": optional(_double),
        "statistic": text,
        "stopped_early": _flag,
        "verdict": optional(_flag),
        "tolerance": optional(_double),
        "max_error": optional(_double),
        "input_seed": optional(whole),
        "build_secs": _double,
        "measure_secs": _double,
        "facts": mapping,
        "created": instant,
    }
)


def read_columns(columns: Mapping[str, Callable[[Any], Any]], data: Mapping[str, Any]) -> dict[str, Any]:
    """Checked; raises ValueError, KeyError, TypeError."""
    return {name: read(data[name]) for name, read in columns.items()}


def plain(value: Any) -> Any:
    """JSON of a column's value."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def digest(record: Mapping[str, Any], task: Iterable[str]) -> str:
    """Of the columns of a record, and of the keys of what it is a record of: the same exactly when everything about two records is."""
    columns = {name: plain(value) for name, value in record.items()} | {"created": record["created"].timestamp()}
    return hashlib.sha256(canonical_json([plain_json(columns), list(task)]).encode()).hexdigest()


def record_columns(row: RecordRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in RECORD_COLUMNS}
