"""Rows of plain values as a table for people or as JSON, for the commands that only look."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 200  # columns, where there is no terminal to ask


def print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2))


def print_table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Of each row the values of `columns`, numbers to the right; None is `-`."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        numeric = all(isinstance(row[column], int | float | None) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for row in rows:
        table.add_row(*(_text(row[column]) for column in columns))
    console = console_for_stdout()
    console.print(table)


def console_for_stdout() -> Console:
    """As wide as the terminal, or wide enough for logs."""
    stream = click.get_text_stream("stdout")
    return Console(file=stream, markup=False, highlight=False, width=None if stream.isatty() else PIPE_WIDTH)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={item}" for name, item in value.items())
    return str(value)
