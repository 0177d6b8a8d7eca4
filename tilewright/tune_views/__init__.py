"""What a tuning session looks like while it runs: a live table in a terminal, plain lines elsewhere, or JSON lines. In: tuner's events."""

from tilewright.tune_views.choose_view import choose_view, show_progress
from tilewright.tune_views.session_heading import SessionHeading
from tilewright.tune_views.tune_view import TuneView

__all__ = ["SessionHeading", "TuneView", "choose_view", "show_progress"]
