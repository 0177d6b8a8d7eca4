"""What goes into the database and what comes out: a measured candidate with all that it takes to use it again.

`tuner` makes a `Record` of every trial; `Database.add_records` keeps it; `Database.best_record` answers with a `BestRecord`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from compiler.schedule import Schedule
from compiler.workload import Workload, canonical_json
from measure import Device, Measurement, Verification


class Source(StrEnum):
    MEASURED = "measured"
    IMPORTED = "imported"  # taken from a log of another tool: its time is hearsay, and is used only when asked


class Rung(StrEnum):
    """How near to the asked device the answer was measured."""

    SAME_DEVICE = "same device"
    SAME_MODEL = "same device model"


def now() -> datetime:
    return datetime.now(UTC)


def candidate_key(decisions: Mapping[str, Any]) -> str:
    """What tells candidates of one space apart: the canonical JSON of the decisions."""
    return canonical_json(decisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One trial.

    target: the text form, `str(Target)`; its number of cores is part of it, so times on one and on two threads never meet.
    schedule: replays with no space at hand. decisions: what the space chose, by parameter name; features for learning.
    trial: the position in the task's sequence of trials within its session. id, session: given by the database.
    """

    workload: Workload
    target: str
    device: Device
    schedule: Schedule
    measurement: Measurement
    decisions: Mapping[str, Any] = field(default_factory=dict)
    source: Source = Source.MEASURED
    trial: int = 0
    created: datetime = field(default_factory=now)
    id: int | None = None
    session: int | None = None

    @property
    def key(self) -> str:
        """The candidate's key, as in `Database.tried_keys`."""
        return candidate_key(self.decisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestRecord:
    """The record with the least cost among the candidates whose latest verdict is that they compute the right answer.

    verification: that verdict; it may come from another measurement of the same candidate than `record`. cost_secs: the least time of
    `record`, or what compares it with other forms of its kernel, see `find_best.py`.
    """

    record: Record
    cost_secs: float
    rung: Rung
    verification: Verification

    def __str__(self) -> str:
        """Where it comes from, for people: `record 17, same device`."""
        return f"record {self.record.id}, {self.rung}" + (", imported" if self.record.source is Source.IMPORTED else "")
