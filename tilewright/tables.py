"""Tables on standard output or in a log: with borders in a terminal, as Markdown elsewhere. Used by the commands and `tune_views`."""

from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table

LOG_WIDTH = 1000  # columns, where there is no terminal to ask: a row is a line


def show_table(table: Table, file: IO[str]) -> None:
    """Outside a terminal the title and the caption are lines of their own, and no line ends in spaces."""
    console = Console(file=file, markup=False, highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    title, caption = table.title, table.caption
    table.title = table.caption = None
    table.box = box.MARKDOWN
    log = Console(file=file, width=LOG_WIDTH, markup=False, highlight=False, color_system=None)
    with log.capture() as capture:
        log.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    for line in (title, *(line for line in lines if line), caption):
        if line is not None:
            print(line, file=file)
    file.flush()
