"""Tables for people, as Markdown that also reads well in a terminal; cells that miss their goal are marked."""

from collections.abc import Sequence
from dataclasses import dataclass

MARK = " (*)"


@dataclass(frozen=True, slots=True)
class Cell:
    """lost: behind a competitor or short of a goal; the table's note says of what."""

    text: str
    lost: bool = False

    def __str__(self) -> str:
        return self.text + (MARK if self.lost else "")


def table(header: Sequence[str], rows: Sequence[Sequence[Cell | str]], lost_means: str) -> str:
    """The first column to the left, the others to the right; under it what the marked cells mean, if there are any."""
    texts = [list(header), *([str(cell) for cell in row] for row in rows)]
    for row in texts:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells, the header {len(header)}: {row}")
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    lines = [
        "| " + " | ".join(_align(cell, width, column) for column, (cell, width) in enumerate(zip(row, widths, strict=True))) + " |"
        for row in texts
    ]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if column == 0 else ":") for column, width in enumerate(widths)) + "|"
    lost = sum(isinstance(cell, Cell) and cell.lost for row in rows for cell in row)
    note = ["", f"(*) {lost_means}: {lost} cell{'s' if lost > 1 else ''}"] if lost else ["", f"no cell {lost_means}"]
    return "\n".join([lines[0], rule, *lines[1:], *note])


def milliseconds(secs: float) -> str:
    """Three significant digits: 34.1, 5.85, 0.724."""
    value = secs * 1e3
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _align(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column == 0 else text.rjust(width)
