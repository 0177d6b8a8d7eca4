"""Answers from measurements that were taken before, with no device and no compiler: search is tested and compared on it.

`ReplayBuilder` builds nothing; `ReplayRunner` looks a candidate up by workload and schedule.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from compiler.codegen import Artifact
from compiler.schedule import Schedule
from compiler.workload import Workload, canonical_json
from fleet import Device
from measure.measurement import Measurement, MeasureStatus
from measure.request import BuildRequest, Built, RunLimits


class Recorded(Protocol):
    """What replaying needs of a record; `records_db.Record` is one."""

    @property
    def workload(self) -> Workload: ...
    @property
    def schedule(self) -> Schedule: ...
    @property
    def measurement(self) -> Measurement: ...


class ReplayBuilder:
    """Hands every request on as built, with an artifact that holds no code."""

    def stream(self, requests: Sequence[BuildRequest]) -> Iterator[tuple[int, Built | Measurement]]:
        for position, request in enumerate(requests):
            yield position, Built(request=request, artifact=Artifact(b"", "", ()), build_secs=0.0)


class ReplayRunner:
    """The latest of several records of one candidate counts. A candidate that nobody measured has the status "crash" and says so."""

    def __init__(self, records: Iterable[Recorded], device: Device) -> None:
        self._device = device
        self._measurements = {(record.workload.key, _schedule_key(record.schedule)): record.measurement for record in records}

    @property
    def device(self) -> Device:
        return self._device

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        """The limits do not matter: the measurement is what it was."""
        del limits
        return self._recorded(built)

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        return [self._recorded(built) for built in candidates]

    def _recorded(self, built: Built) -> Measurement:
        request = built.request
        known = self._measurements.get((request.workload.key, _schedule_key(request.schedule)))
        return known or Measurement(status=MeasureStatus.CRASH, error=f"no record of this schedule of {request.workload} to replay")


def _schedule_key(schedule: Schedule) -> str:
    return canonical_json(schedule.to_json())
