"""What is asked of a builder and of a runner, and what they are to whoever asks: `tuner` sees these protocols only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from compiler.codegen import Artifact, Fact
from compiler.lower import ParamRole
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Workload
from fleet import Device
from measure.measurement import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """A candidate, as data. The kernel will run on as many threads as the target has cores."""

    workload: Workload
    schedule: Schedule
    target: Target

    def to_json(self) -> dict[str, Any]:
        """`workload` is its canonical text, which a worker uses as a key."""
        return {"workload": self.workload.canonical, "schedule": self.schedule.to_json(), "target": str(self.target)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A candidate that could be built. build_secs: from the request's start in its worker to the artifact."""

    request: BuildRequest
    artifact: Artifact = field(repr=False)
    build_secs: float

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What the build tells of the code, for the record."""
        workspace = [param.buffer for param in self.artifact.params if param.role is ParamRole.WORKSPACE]
        workspace_bytes = sum(TensorType(buffer.shape, buffer.dtype).size_bytes for buffer in workspace)
        return (*self.artifact.facts, ("workspace_bytes", workspace_bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """abandon_above_secs: a candidate slower than this is given up after one call; None: none is.

    best_run_secs: the samples of the fastest candidate: one that falls behind them by the rule of `sequential_rule.py` gets no more
    samples. verify_below_secs: a candidate faster than this has its answer compared with the reference; None: every one that was not
    given up. with_reading: time the reference kernel too, if the runner has one: the fact `READING_FACT` (seconds) of the measurement.
    """

    abandon_above_secs: float | None = None
    best_run_secs: tuple[float, ...] = ()
    verify_below_secs: float | None = None
    with_reading: bool = False


class ArtifactBuilder(Protocol):
    def stream(self, requests: Sequence[BuildRequest]) -> Iterator[tuple[int, Built | Measurement]]:
        """The position of each request and what came of it, in the order of completion; a failed build is a `Measurement`.

        Several may be open at a time: the next batch is asked for before the last has been read to its end.
        """


class Runner(Protocol):
    @property
    def device(self) -> Device:
        """Whose times these are."""

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        """Time one candidate."""

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        """Time candidates against each other, interleaved, and verify all of them; the facts tell each one's verdict.

        They are of one workload, or of workloads that compute the same from the same arguments.
        """
