"""`tilewright report`: tuning sessions as one page for a browser."""

import importlib
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from records_db import Database
from tilewright.commands.options import database_option, database_url
from tilewright.report import Report, make_report

INSTALL = "pip install 'tilewright[report]'"


@click.command()
@database_option(required=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("report.html"), show_default=True, help="The page."
)
@click.option("--session", type=click.IntRange(min=1), help="Of this session only; of all sessions together by default.")
@click.option("--no-ceiling", is_flag=True, help="Do not measure this machine's limits, which takes a second.")
def report(url: str, output: Path, session: int | None, no_ceiling: bool) -> None:
    """Write a page about what a database's tuning sessions found, where their time went, and what failed."""
    render_page = _load_renderer()
    with Database(database_url(url), create=False) as database:
        found = make_report(database, session, ceiling=not no_ceiling)
    page = render_page(found, datetime.now().astimezone())
    _write(output, page)
    click.echo(f"{output}: {found.data.trials} measurements of {len(found.data.tasks)} kernels, {len(page.encode()) / 1024:.0f} KiB")


def _load_renderer() -> Callable[[Report, datetime], str]:
    """Only this command pays for importing matplotlib."""
    try:
        module = importlib.import_module("tilewright.report.page")
    except ModuleNotFoundError as error:
        raise click.ClickException(f"a report needs {error.name}, which is not installed: {INSTALL}") from error
    renderer: Callable[[Report, datetime], str] = module.render_page
    return renderer


def _write(output: Path, page: str) -> None:
    """Whole or not at all."""
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(output)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise click.ClickException(f"cannot write {output}: {error.strerror or error}") from error
