"""What was measured, on what device, by which code; answers "the best schedule for this workload here". Below: `measure`; next: `tuner`."""

from records_db.compiler_version import CompilerVersion, describe_compiler
from records_db.database import Database
from records_db.errors import DatabaseError, NetworkFileSystemWarning, UnreadableRecordWarning
from records_db.record import BestRecord, Record, Rung, Source, candidate_key
from records_db.statistics import DatabaseStatistics
from records_db.tune_session import SessionStatus, SessionSummary, TuneSession

__all__ = [
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
]
