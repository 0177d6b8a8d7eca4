"""Rows of plain values as a table for people or as JSON, for the commands that only look."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.table import Table

from tilewright.tables import show_table


def print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2))


def print_rows(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Of each row the values of `columns`, numbers to the right; None is `-`."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        numeric = all(isinstance(row[column], int | float | None) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for row in rows:
        table.add_row(*(cell(row[column]) for column in columns))
    show_table(table, sys.stdout)


def cell(value: Any) -> str:
    """A value as people read it.

    >>> [cell(value) for value in (None, True, 3, 213.7, 1.25, 0.0000214, {"tile": 4, "order": "i,j"})]
    ['-', 'True', '3', '213.7', '1.2500', '2.14e-05', 'tile=4 order=i,j']
    """
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.1f}" if abs(value) >= 100 else f"{value:.4f}" if abs(value) >= 0.001 or value == 0 else f"{value:.2e}"
        case Mapping():
            return " ".join(f"{name}={item}" for name, item in value.items())
    return str(value)
