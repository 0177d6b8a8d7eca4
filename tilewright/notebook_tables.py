"""Tables for notebooks, as HTML that takes its colours from the notebook. Used by `tune_result.py` and `model.py`."""

from collections.abc import Sequence
from html import escape

CELL = "padding:.15em .7em;text-align:"


def html_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """The first column to the left, the others to the right; every text is escaped."""
    head = "".join(f'<th style="{CELL}{_side(column)}">{escape(heading)}</th>' for column, heading in enumerate(headings))
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}{_side(column)}">{escape(cell)}</td>' for column, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    foot = f'<div style="opacity:.7">{escape(note)}</div>' if note else ""
    return f"<div><b>{escape(title)}</b></div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"


def _side(column: int) -> str:
    return "right" if column else "left"
