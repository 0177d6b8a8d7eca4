"""A file of records -> rows, all of them or none. Called by `Database.import_log`, in one transaction.

In: lines of Tilewright's own export (`own_format.py`) or of another tool's log (`log_formats`), told apart by the first line that is
neither blank nor a comment. What is there already is left as it is, so a file may be imported any number of times.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from sqlalchemy.orm import Session

from records_db.errors import DatabaseError
from records_db.foreign_record import ForeignRecord
from records_db.import_rows import ForeignWriter
from records_db.log_formats import LOG_FORMATS, BadLine, Line, LogFormat
from records_db.migrate import SCHEMA
from records_db.own_format import JSONL, is_own
from records_db.read_own import OwnReader
from records_db.session_rows import finish_session, keep_session
from records_db.tune_session import TuneSession

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """records: lines that hold one. added: those that were not there before. bad: the lines that were left out.

    without_counterpart: of the records, those whose task no workload of Tilewright's computes, by the task's name; they are kept as well.
    """

    format: str
    records: int
    added: int
    without_counterpart: Mapping[str, int] = field(default_factory=dict)
    bad: tuple[BadLine, ...] = ()


def import_lines(
    session: Session, lines: Iterable[Line], source: str, format_name: str | None, command_line: str, *, skip_bad: bool
) -> ImportSummary:
    """source: the file's name, for messages. format_name: None to tell by the first line. Raises `DatabaseError`, and nothing is kept."""
    rest = iter(lines)
    first = next(rest, None)
    if first is None:
        raise DatabaseError(f"{source} holds no records: all its lines are blank or comments")
    name = _format_of(first, source) if format_name is None else format_name
    every = chain([first], rest)
    if name != JSONL:
        return _import_foreign(session, LOG_FORMATS[name], every, source, command_line, skip_bad=skip_bad)
    reader = OwnReader(session, SCHEMA)
    bad = reader.read(every)
    if bad is not None:
        raise DatabaseError(f"{source}, line {bad.line} {bad.reason}: nothing was imported")
    return ImportSummary(format=JSONL, records=reader.records, added=reader.added)


def numbered_lines(path: Path) -> Iterator[Line]:
    """Those that are neither blank nor comments, numbered from 1. Raises `DatabaseError` where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="strict") as file:
            for number, line in enumerate(file, 1):
                text = line.strip()
                if text and not text.startswith("#"):
                    yield number, text
    except UnicodeDecodeError as error:
        raise DatabaseError(f"{path} is not a text file in UTF-8 (byte {error.start}): nothing was imported") from error
    except OSError as error:
        raise DatabaseError(f"cannot read {path}: {error.strerror}; nothing was imported") from error


def known_formats() -> tuple[str, ...]:
    return (JSONL, *sorted(LOG_FORMATS))


def _format_of(first: Line, source: str) -> str:
    number, text = first
    found = [each.name for each in LOG_FORMATS.values() if each.recognises(text)]
    if is_own(text):
        return JSONL
    if not found:
        known = ", ".join(known_formats())
        raise DatabaseError(f"{source}, line {number} is of no format that can be imported ({known}): nothing was imported")
    return found[0]


def _import_foreign(
    session: Session, log_format: LogFormat, lines: Iterable[Line], source: str, command_line: str, *, skip_bad: bool
) -> ImportSummary:
    writer, bad, alone = ForeignWriter(session), list[BadLine](), Counter[str]()
    started = TuneSession(tuner=f"import {log_format.name}", seed=0, options={"file": source}, command_line=command_line)
    session_id = keep_session(session, started)
    records = _good(log_format.read(lines), bad, source, skip_bad=skip_bad)
    read = added = 0
    while batch := list(islice(records, BATCH)):
        read += len(batch)
        added += writer.add(session_id, batch)
        alone.update(record.task.name for record in batch if record.workload is None)
    finish_session(session, session_id, keep=added > 0)
    return ImportSummary(format=log_format.name, records=read, added=added, without_counterpart=alone, bad=tuple(bad))


def _good(read: Iterable[ForeignRecord | BadLine], bad: list[BadLine], source: str, *, skip_bad: bool) -> Iterator[ForeignRecord]:
    for record in read:
        if isinstance(record, ForeignRecord):
            yield record
        elif skip_bad:
            bad.append(record)
        else:
            raise DatabaseError(
                f"{source}, line {record.line} {record.reason}: nothing was imported; --skip-bad-lines leaves such lines out"
            )
