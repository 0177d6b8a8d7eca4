"""What a build worker does: workload, schedule and target as JSON come in, an artifact or the status of a failure goes out.

Run by `measure/child_server.py`; `measure/builder.py` is the other end.
"""

import gc
import json
from functools import lru_cache
from typing import Any

from compiler.codegen import Artifact
from compiler.driver import compile_kernel
from compiler.errors import ScheduleError, TilewrightError
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from measure.frames import Frame
from measure.measurement import MeasureStatus


@lru_cache(maxsize=4)
def _workload(canonical: str) -> Workload:
    """One object per workload, for it keeps what was derived from it."""
    return Workload.from_json(json.loads(canonical))


class BuildJobs:
    """Builds; has no state."""

    def warm_up(self) -> None:
        """Nothing: importing the compiler is the warm-up."""

    def prepare(self, job: Frame) -> bool:
        """Nothing: a worker serves many builds."""
        del job
        return False

    def handle(self, job: Frame) -> Frame:
        """Nothing is collected here: a worker ends after some builds, and with it the megabyte of cycles that each leaves.

        Looking for them takes a fifth of the time of a build, when it is done and when it is put off.
        """
        gc.disable()
        try:
            artifact = _build(job.header)
        except ScheduleError as error:
            return _failure(MeasureStatus.SCHEDULE_ERROR, error)
        except TilewrightError as error:
            return _failure(MeasureStatus.COMPILE_ERROR, error)
        return Frame({"status": MeasureStatus.OK}, artifact.to_bytes())


def _build(request: dict[str, Any]) -> Artifact:
    return compile_kernel(_workload(request["workload"]), Schedule.from_json(request["schedule"]), Target.parse(request["target"]))


def _failure(status: MeasureStatus, error: TilewrightError) -> Frame:
    return Frame({"status": status, "error": f"{type(error).__name__}: {error}"})


def make_jobs() -> BuildJobs:
    return BuildJobs()
