"""Logs of other tools -> `ForeignRecord`s. Below: `records_db/foreign_record.py`; next: `records_db/import_log.py`."""

from records_db.log_formats.autotvm import AUTOTVM
from records_db.log_formats.log_format import LOG_FORMATS, BadLine, Line, LogFormat, register_log_format
from records_db.log_formats.plain_workload import anchored_convolution, plain_convolution, plain_form

__all__ = [
    "AUTOTVM",
    "anchored_convolution",
    "BadLine",
    "LOG_FORMATS",
    "Line",
    "LogFormat",
    "plain_convolution",
    "plain_form",
    "register_log_format",
]
