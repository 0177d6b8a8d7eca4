"""`tilewright report`: tuning sessions as one page. `render_page` is in `page.py`, apart from the rest since it needs matplotlib."""

from tilewright.report.kernel_rows import KernelRow
from tilewright.report.make_report import Report, make_report
from tilewright.report.predictions import Predictions
from tilewright.report.session_data import WEIGHTS_OPTION, ErrorKind, TaskData, TimeSplit, TuneData, read_tune_data

__all__ = [
    "ErrorKind",
    "KernelRow",
    "Predictions",
    "Report",
    "TaskData",
    "TimeSplit",
    "TuneData",
    "WEIGHTS_OPTION",
    "make_report",
    "read_tune_data",
]
