"""`tilewright records`: look into a database."""

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from records_db import Database, Record
from tilewright.commands.options import database_option, database_url

FORMAT = click.option("-f", "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)


@click.group()
def records() -> None:
    """Look at the trials that a database holds."""


def _row(record: Record) -> dict[str, Any]:
    secs = record.measurement.best_secs
    return {
        "id": record.id,
        "workload": str(record.workload),
        "target": str(record.target),
        "device": record.device.model,
        "status": record.measurement.status.value,
        "ms": None if secs is None else secs * 1e3,
        "verified": record.measurement.verification.passed if record.measurement.verification else None,
        "decisions": dict(record.decisions),
        "error": record.measurement.error,
        "created": record.created.isoformat() if record.created else None,
    }


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...], form: str, title: str) -> None:
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        values = (row[column] for column in columns)
        table.add_row(*(f"{value:.4f}" if isinstance(value, float) else "-" if value is None else str(value) for value in values))
    Console().print(table)


@records.command("list")
@database_option(required=True)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most this many, the newest first.")
@FORMAT
def list_(url: str, limit: int, form: str) -> None:
    """The newest trials, failed ones too."""
    with Database(database_url(url), create=False) as database:
        rows = [_row(record) for record in database.records(limit=limit)]
    _print(rows, ("id", "workload", "status", "ms", "verified", "created", "error"), form, f"newest {len(rows)} trials")


@records.command()
@database_option(required=True)
@FORMAT
def best(url: str, form: str) -> None:
    """The fastest verified trial of every workload, target and device."""
    fastest: dict[tuple[str, str, str], dict[str, Any]] = {}
    with Database(database_url(url), create=False) as database:
        for record in database.records():
            row = _row(record)
            key = (record.workload.key, row["target"], record.device.fingerprint)
            if row["ms"] is not None and row["verified"] and (key not in fastest or row["ms"] < fastest[key]["ms"]):
                fastest[key] = row
    rows = sorted(fastest.values(), key=lambda row: -float(row["ms"]))
    _print(rows, ("workload", "device", "ms", "decisions"), form, f"best of {len(rows)} workloads")


@records.command()
@database_option(required=True)
@FORMAT
def stats(url: str, form: str) -> None:
    """How many trials there are, by status and by session."""
    with Database(database_url(url), create=False) as database:
        counts = {status.value: count for status, count in database.status_counts().items()}
        sessions = [
            {
                "session": summary.id,
                "started": summary.started.isoformat(),
                "tuner": summary.tuner,
                "status": summary.status.value,
                "trials": summary.trials,
                "failed": summary.failed,
            }
            for summary in database.sessions()
        ]
    if form == "json":
        click.echo(json.dumps({"trials": counts, "sessions": sessions}, indent=2))
        return
    console = Console()
    total = sum(counts.values())
    console.print(f"{total} trials: " + ", ".join(f"{count} {status}" for status, count in counts.items()) if total else "no trials")
    _print(sessions, ("session", "started", "tuner", "status", "trials", "failed"), form, f"{len(sessions)} sessions")
