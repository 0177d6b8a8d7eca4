"""`tilewright records`: look into a database."""

from collections.abc import Mapping
from typing import Any

import click

from measure import MeasureStatus
from records_db import Database, Record, SessionSummary
from tilewright.commands.options import database_option, database_url, format_option
from tilewright.commands.print_rows import print_json, print_rows


@click.group()
def records() -> None:
    """Look at the trials that a database holds."""


@records.command("list")
@database_option(required=True)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most this many, the newest ones.")
@click.option("--status", type=click.Choice([str(status) for status in MeasureStatus]), help="Only those that ended so.")
@click.option("--session", type=click.IntRange(min=1), help="Only those of one session.")
@format_option
def list_records(url: str, limit: int, status: str | None, session: int | None, form: str) -> None:
    """The newest trials, failed ones too."""
    with _existing(url) as database:
        found = database.records(limit=limit, session=session, status=MeasureStatus(status) if status else None)
    rows = [_record_row(record) for record in found]
    if form == "json":
        print_json(rows)
    else:
        print_rows(f"newest {len(rows)} records", rows, ("id", "session", "workload", "status", "ms", "verified", "created", "error"))


@records.command()
@database_option(required=True)
@format_option
def best(url: str, form: str) -> None:
    """The fastest verified trial of every workload, target and device, as compilation would choose it."""
    with _existing(url) as database:
        rows = _best_rows(database)
    if form == "json":
        print_json(rows)
    else:
        print_rows(f"best of {len(rows)} workloads", rows, ("id", "workload", "threads", "device", "ms", "trials", "decisions"))


def _best_rows(database: Database) -> list[dict[str, Any]]:
    """The slowest workload first."""
    asked: dict[tuple[str, str, str], Record] = {}
    trials: dict[tuple[str, str, str], int] = {}
    for record in database.records(status=MeasureStatus.OK):
        key = (record.workload.key, record.target, record.device.fingerprint)
        asked.setdefault(key, record)
        trials[key] = trials.get(key, 0) + 1
    rows = []
    for key, example in asked.items():
        answer = database.best_record(example.workload, example.target, example.device)
        if answer is not None and answer.record.device.fingerprint == example.device.fingerprint:
            rows.append({**_record_row(answer.record), "ms": answer.cost_secs * 1e3, "trials": trials[key]})
    return sorted(rows, key=lambda row: -float(row["ms"]))


@records.command()
@database_option(required=True)
@format_option
def stats(url: str, form: str) -> None:
    """How many records there are, by status and by session."""
    with _existing(url) as database:
        statistics = database.statistics()
        sessions = [_session_row(summary) for summary in database.sessions()]
    counts = {
        "database": statistics.url,
        "schema": statistics.schema,
        "size_bytes": statistics.size_bytes,
        "workloads": statistics.workloads,
        "targets": statistics.targets,
        "devices": statistics.devices,
        "records": statistics.records,
        "imported": statistics.imported,
        "by_status": {str(status): count for status, count in statistics.by_status.items()},
    }
    if form == "json":
        print_json({**counts, "sessions": sessions})
        return
    for name, value in counts.items():
        text = ", ".join(f"{count} {status}" for status, count in value.items()) if isinstance(value, Mapping) else value
        click.echo(f"{name.replace('_', ' ')}: {text if text not in (None, '') else '-'}")
    columns = ("session", "started", "secs", "who", "tuner", "seed", "status", "records", "failed", "command")
    print_rows(f"{len(sessions)} sessions", sessions, columns)


def _existing(url: str) -> Database:
    return Database(database_url(url), create=False)


def _record_row(record: Record) -> dict[str, Any]:
    measurement = record.measurement
    return {
        "id": record.id,
        "session": record.session,
        "workload": str(record.workload),
        "target": record.target,
        "threads": _threads(record.target),
        "device": str(record.device),
        "status": str(measurement.status),
        "ms": None if measurement.best_secs is None else measurement.best_secs * 1e3,
        "verified": None if measurement.verification is None else measurement.verification.passed,
        "decisions": dict(record.decisions),
        "created": record.created.isoformat(timespec="seconds"),
        "error": measurement.error or None,
    }


def _threads(target: str) -> int | None:
    """Of a target's text, which may come from a version with other options."""
    found = [word.partition("=")[2] for word in target.split() if word.startswith("-num-cores=")]
    return int(found[0]) if found and found[0].isdecimal() else None


def _session_row(summary: SessionSummary) -> dict[str, Any]:
    secs = None if summary.ended is None else round((summary.ended - summary.started).total_seconds())
    return {
        "session": summary.id,
        "started": summary.started.isoformat(timespec="seconds"),
        "secs": secs,
        "who": summary.session.who,
        "tuner": summary.session.tuner,
        "seed": summary.session.seed,
        "status": str(summary.status),
        "records": summary.trials,
        "failed": summary.failed,
        "command": summary.session.command_line,
        "version": summary.session.compiler.version,
    }
