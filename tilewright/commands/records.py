"""`tilewright records`: look into a database, and move records in and out of it."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from measure import VERDICT_FACT, MeasureStatus
from records_db import JSONL, Database, ForeignRecord, Record, SessionSummary, known_formats
from tilewright.commands.options import database_option, database_url, format_option
from tilewright.commands.print_rows import print_json, print_rows


@click.group()
def records() -> None:
    """Look at the trials that a database holds; import and export them."""


@records.command("list")
@database_option(required=True)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most this many, the newest ones.")
@click.option("--status", type=click.Choice([str(status) for status in MeasureStatus]), help="Only those that ended so.")
@click.option("--session", type=click.IntRange(min=1), help="Only those of one session.")
@format_option
def list_records(url: str, limit: int, status: str | None, session: int | None, form: str) -> None:
    """The newest trials, failed ones too.

    The verdict is that of a session's end, where the fastest candidates are timed in turn: one that lost or tied there is not the best,
    however fast it once was.
    """
    with _existing(url) as database:
        found = database.entries(limit=limit, session=session, status=MeasureStatus(status) if status else None)
    rows = [_record_row(record) for record in found]
    if form == "json":
        print_json(rows)
    else:
        columns = ("id", "session", "source", "workload", "status", "ms", "verified", "verdict", "created", "error")
        print_rows(f"newest {len(rows)} records", rows, columns)


@records.command()
@database_option(required=True)
@click.option("--imported", is_flag=True, help="The fastest that other tools measured instead, verified by nobody here.")
@format_option
def best(url: str, imported: bool, form: str) -> None:
    """The fastest verified trial of every workload, target and device, as compilation would choose it."""
    with _existing(url) as database:
        rows = _imported_rows(database) if imported else _best_rows(database)
    rows.sort(key=lambda row: -float(row["ms"]))  # the slowest workload first
    if form == "json":
        print_json(rows)
    elif imported:
        print_rows(f"fastest imported of {len(rows)} workloads", rows, ("id", "workload", "target", "ms", "decisions"))
    else:
        print_rows(f"best of {len(rows)} workloads", rows, ("id", "workload", "threads", "device", "ms", "trials", "decisions"))


def _best_rows(database: Database) -> list[dict[str, Any]]:
    return [
        {**_record_row(leader.best.record), "ms": leader.best.cost_secs * 1e3, "trials": leader.trials} for leader in database.leaders()
    ]


def _imported_rows(database: Database) -> list[dict[str, Any]]:
    return [_record_row(record) for record in database.foreign_leaders()]


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
        "imported_by_format": dict(statistics.foreign),
        "by_status": {str(status): count for status, count in statistics.by_status.items()},
    }
    if form == "json":
        print_json({**counts, "sessions": sessions})
        return
    for name, value in counts.items():
        text = ", ".join(f"{count} {kind}" for kind, count in value.items()) if isinstance(value, Mapping) else value
        click.echo(f"{name.replace('_', ' ')}: {text if text not in (None, '') else '-'}")
    columns = ("session", "started", "secs", "who", "tuner", "seed", "status", "records", "failed", "command")
    print_rows(f"{len(sessions)} sessions", sessions, columns)


@records.command("import")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@database_option(required=True)
@click.option("--format", "log_format", type=click.Choice(known_formats()), help="What FILE holds; told by its first line by default.")
@click.option("--skip-bad-lines", is_flag=True, help="Leave out lines that cannot be read, and name them; else one ends the import.")
def import_records(path: Path, url: str, log_format: str | None, skip_bad_lines: bool) -> None:
    """Add the records in FILE: an AutoTVM log of version 0.2, or what `records export --format jsonl` has written.

    All of them are added or none. Those that the database holds already stay as they are, so a file may be imported again. Records of other
    tools are kept as imported: no model is compiled from them, but a search begins with what they found. A database that does not exist is
    made.
    """
    command = shlex.join(["tilewright", "records", "import", str(path)])
    with Database(database_url(url)) as database:
        done = database.import_log(path, log_format=log_format, skip_bad=skip_bad_lines, command_line=command)
    for line in done.bad:
        click.echo(f"tilewright: left out: {path}, line {line.line} {line.reason}", err=True)
    click.echo(f"{path}: {done.records} records ({done.format}): {done.added} added, {done.records - done.added} were there already")
    alone = ", ".join(f"{count} of {name}" for name, count in sorted(done.without_counterpart.items()))
    if alone:
        click.echo(f"kept as they are, for want of a workload that computes the same: {alone}")


@records.command("export")
@database_option(required=True)
@click.option("--format", "form", type=click.Choice(known_formats()), default=JSONL, show_default=True, help="What to write.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="File to write; standard output by default."
)
def export_records(url: str, form: str, output: Path | None) -> None:
    """Write records as JSON lines: everything (jsonl), or what was imported from logs of another tool (autotvm), as it was.

    What cannot be written in that format is counted on standard error.
    """
    with _existing(url) as database:
        lines = database.export_lines() if form == JSONL else database.export_log(form)
        written = _write_lines(lines, output)
        statistics = database.statistics()
    if form == JSONL:
        click.echo(f"tilewright: exported {statistics.records} records", err=True)
        return
    click.echo(f"tilewright: exported {written} records", err=True)
    left = statistics.records - written
    if left:
        found = f"{left} records have no equivalent in {form}: their schedules are not points of its templates' spaces"
        click.echo(f"tilewright: left out: {found}; --format {JSONL} keeps them", err=True)


def _write_lines(lines: Iterable[str], output: Path | None) -> int:
    """How many. A file appears under its name when it is whole."""
    if output is None:
        return _count(lines, click.echo)
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            count = _count(lines, lambda line: file.write(f"{line}\n"))
        part.replace(output)
    except OSError as error:
        raise click.FileError(str(output), f"it cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _count(lines: Iterable[str], write: Callable[[str], object]) -> int:
    count = 0
    for line in lines:
        write(line)
        count += 1
    return count


def _existing(url: str) -> Database:
    return Database(database_url(url), create=False)


def _record_row(record: Record | ForeignRecord) -> dict[str, Any]:
    measurement = record.measurement
    foreign = isinstance(record, ForeignRecord)
    return {
        "id": record.id,
        "session": record.session,
        "source": f"imported, {record.task.format}" if isinstance(record, ForeignRecord) else str(record.source),
        "workload": record.shown_workload if isinstance(record, ForeignRecord) else str(record.workload),
        "target": record.target,
        "threads": None if foreign else _threads(record.target),
        "device": record.device.model if foreign else str(record.device),
        "status": str(measurement.status),
        "ms": None if measurement.best_secs is None else measurement.best_secs * 1e3,
        "verified": None if measurement.verification is None else measurement.verification.passed,
        "verdict": dict(measurement.facts).get(VERDICT_FACT),
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
