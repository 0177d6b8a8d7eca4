"""What was measured, on what device, by which code; answers "the best schedule for this workload here". Below: `measure`; next: `tuner`."""

from records_db.compiler_version import CompilerVersion, describe_compiler
from records_db.database import Database
from records_db.errors import DatabaseError, NetworkFileSystemWarning, UnreadableRecordWarning
from records_db.explain_failure import without_password
from records_db.find_best import Leader
from records_db.foreign_record import ForeignRecord, ForeignTask
from records_db.import_log import ImportSummary, known_formats
from records_db.log_formats import AUTOTVM, LOG_FORMATS, BadLine, LogFormat, anchored_convolution, plain_form, register_log_format
from records_db.own_format import JSONL
from records_db.record import BestRecord, Record, Rung, Source, candidate_key
from records_db.statistics import DatabaseStatistics
from records_db.tune_session import SessionStatus, SessionSummary, TuneSession

__all__ = [
    "anchored_convolution",
    "AUTOTVM",
    "BadLine",
    "ForeignRecord",
    "ForeignTask",
    "ImportSummary",
    "JSONL",
    "LOG_FORMATS",
    "Leader",
    "LogFormat",
    "known_formats",
    "plain_form",
    "register_log_format",
    "BestRecord",
    "CompilerVersion",
    "Database",
    "DatabaseError",
    "DatabaseStatistics",
    "NetworkFileSystemWarning",
    "Record",
    "Rung",
    "SessionStatus",
    "SessionSummary",
    "Source",
    "TuneSession",
    "UnreadableRecordWarning",
    "candidate_key",
    "describe_compiler",
    "without_password",
]
