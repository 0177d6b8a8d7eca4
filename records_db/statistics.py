"""What a database holds, in numbers, for people and for reports."""

from collections.abc import Mapping
from dataclasses import dataclass

from measure import MeasureStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatistics:
    """records: all of them; by_status: how many of each kind, kinds without one left out; foreign: those of other tools, by format.

    size_bytes: None where it is not a file.
    """

    url: str
    schema: str
    workloads: int
    targets: int
    devices: int
    sessions: int
    records: int
    by_status: Mapping[MeasureStatus, int]
    imported: int
    foreign: Mapping[str, int]
    size_bytes: int | None
