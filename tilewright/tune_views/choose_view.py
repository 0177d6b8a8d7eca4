"""Which view a session gets: JSON if asked for, a live table in a terminal, plain lines elsewhere."""

import sys
from typing import IO

from rich.console import Console

from tilewright.tune_views.json_lines import JsonLines
from tilewright.tune_views.live_table import LiveTable
from tilewright.tune_views.plain_lines import PlainLines
from tilewright.tune_views.session_heading import SessionHeading
from tilewright.tune_views.tune_view import TuneView


def choose_view(heading: SessionHeading | None, file: IO[str], *, as_json: bool) -> TuneView:
    if as_json:
        return JsonLines(heading, file)
    console = Console(file=file)
    return LiveTable(heading, console) if console.is_terminal else PlainLines(heading, file)


def show_progress(file: IO[str] | None = None) -> TuneView:
    """Progress for scripts, on standard output or into `file`.

    with tw.show_progress() as progress:
        tw.tune(model, database=database, minutes=5, on_event=progress)
    """
    return choose_view(None, file or sys.stdout, as_json=False)
