"""What a measurement is: times, or why there are none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class MeasureStatus(StrEnum):
    OK = "ok"
    SCHEDULE_ERROR = "schedule_error"  # the steps do not apply
    COMPILE_ERROR = "compile_error"  # lowering or code generation refused, or LLVM aborted
    BUILD_TIMEOUT = "build_timeout"
    RUN_TIMEOUT = "run_timeout"
    CRASH = "crash"  # the child died: a signal, out of memory, exit
    WRONG_ANSWER = "wrong_answer"  # ran, and differs from the reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The verdict of a comparison with the reference: `max_error` is the largest |got - want| / max|want|."""

    passed: bool
    tolerance: float
    max_error: float
    input_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """run_secs: seconds per call, one entry per sample (each the mean of a batch of calls); empty unless the status is OK.

    stopped_early: given up after the first sample because it was far slower than the best (the time is real, but a single sample).
    facts: what the build told of the code (spills, code bytes, workspace bytes) and the device of the run (clock, throttling).
    """

    status: MeasureStatus
    run_secs: tuple[float, ...] = ()
    error: str = ""
    build_secs: float = 0.0
    measure_secs: float = 0.0
    stopped_early: bool = False
    verification: Verification | None = None
    facts: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if (self.status is MeasureStatus.OK) != bool(self.run_secs):
            raise ValueError(f"status {self.status} with {len(self.run_secs)} times")
        if (self.status is MeasureStatus.OK) == bool(self.error):
            raise ValueError(f"status {self.status} with error text {self.error!r}")

    @property
    def best_secs(self) -> float | None:
        """The minimum over the samples, which ranks candidates; None without a time."""
        return min(self.run_secs, default=None)
