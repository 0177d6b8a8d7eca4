"""The tracker: clients bring jobs, devices do them. In: `TrackerOptions`. `tilewright tracker` runs `serve`."""

from fleet.tracker.options import TrackerOptions
from fleet.tracker.tracker import Tracker, serve

__all__ = ["Tracker", "TrackerOptions", "serve"]
