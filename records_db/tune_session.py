"""A tuning session: who measured, when, with which search, seed and options, by which compiler. Every record belongs to one."""

import getpass
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from records_db.compiler_version import CompilerVersion, describe_compiler


class SessionStatus(StrEnum):
    RUNNING = "running"  # or killed: nobody was left to say so
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


def current_user() -> str:
    """`name@host` of the person whose process this is; `unknown` where the account has no name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneSession:
    """What is known when a session starts. tuner: the name of the search strategy. options: plain JSON."""

    tuner: str
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    command_line: str = ""
    who: str = field(default_factory=current_user)
    compiler: CompilerVersion = field(default_factory=describe_compiler)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """A session as the database knows it. trials: its records; failed: those of them without a time."""

    id: int
    session: TuneSession
    status: SessionStatus
    started: datetime
    ended: datetime | None
    trials: int
    failed: int
