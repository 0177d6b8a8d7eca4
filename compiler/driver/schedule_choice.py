"""Where compilation asks for schedules. In: a workload. Out: `ScheduleChoice`.

Next: `compile_model.py`, which asks once per workload.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload

DefaultSchedule = Callable[[Workload, Target, int], Schedule]
"""(workload, target, threads) -> a schedule that is good with zero trials."""

DeviceT = TypeVar("DeviceT")
DeviceT_contra = TypeVar("DeviceT_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class ScheduleChoice:
    """source: for people ("record 17, same device"). expected_secs: what was measured; None for a default.

    max_error: of the largest output, as its verification found it; None where there was none.
    """

    schedule: Schedule
    source: str
    expected_secs: float | None = None
    max_error: float | None = None


class ScheduleSource(Protocol[DeviceT_contra]):
    """What knows the best schedules, such as `records_db.Database`; a device is whatever it tells devices apart by."""

    def best_schedule(self, workload: Workload, target: Target, device: DeviceT_contra) -> ScheduleChoice | None:
        """None if nothing is known: the default schedule is used."""


class NoSchedules:
    """Knows nothing: every kernel is compiled from its default schedule."""

    def best_schedule(self, workload: Workload, target: Target, device: object) -> ScheduleChoice | None:  # noqa: ARG002 - the protocol
        return None
