"""Times candidates on this machine, each in a killable child of its own: a crash, a hang or a wrong answer is a status with its text.

In: `Built` and `RunLimits`. Out: `Measurement`. The children run `measure/run_job.py`. Next: `records_db` keeps what came out.
"""

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from compiler.workload import Workload
from fleet import Device, describe_host
from measure.child_pool import ChildPool, Outcome, OutcomeKind
from measure.child_server import ServerSettings
from measure.measurement import Measurement, MeasureStatus, Verification
from measure.paired_comparison import VERDICT_FACT
from measure.reference_kernel import READING_FACT
from measure.request import Built, RunLimits
from measure.sampling import SamplingOptions

FACTS = {READING_FACT: "reading_secs", VERDICT_FACT: "verdict", "verdict_p": "p"}  # of a run, beside those of the build


def _half_of_memory_bytes() -> int | None:
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return math.floor(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerOptions:
    """threads: what a kernel runs on; None: as many as its target has cores. memory_bytes: of a child, beyond inputs and reference.

    footprint_bytes: of the weights of the model that the kernels belong to; each call then finds its own as cold as they would be there.
    Memory of this size is kept. 0: the weights of a kernel stay in the caches from call to call. cold_arguments: positions of a workload's
    arguments that each call finds as cold as its weights: the model's inputs.
    comparison_secs, comparison_rounds: the length and largest number of samples when the best candidates are timed against each other.
    jobs_per_child: candidates that are timed in one process before a fresh one is forked. cores: those of the timing; empty: all.
    """

    threads: int | None = None
    timeout_secs: float = 10.0
    memory_bytes: int | None = field(default_factory=_half_of_memory_bytes)
    input_seed: int = 0
    footprint_bytes: int = 0
    cold_arguments: Mapping[Workload, tuple[int, ...]] = field(default_factory=dict)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    comparison_secs: float = 2e-3
    comparison_rounds: int = 32
    jobs_per_child: int = 64
    cores: tuple[int, ...] = ()
    module: str = "measure.run_job"


class Neighbour(Protocol):
    """What else this session runs on the machine."""

    def at_rest(self) -> AbstractContextManager[None]:
        """Meanwhile it leaves the cores of the timing alone."""


class LocalRunner:
    """A context manager, used by one thread. neighbour: rests while a kernel is timed."""

    def __init__(self, options: RunnerOptions | None = None, neighbour: Neighbour | None = None) -> None:
        self._options = options or RunnerOptions()
        self._device = describe_host()
        self._neighbour = neighbour
        self._pool = ChildPool(
            ServerSettings(
                module=self._options.module,
                jobs_per_child=self._options.jobs_per_child,
                memory_bytes=self._options.memory_bytes,
                cores=(self._options.cores,) if self._options.cores else (),
            )
        )

    def __enter__(self) -> "LocalRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def device(self) -> Device:
        return self._device

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        """Time one candidate, and verify it if the limits ask for it. What fails where others ran before runs again in a fresh process."""
        job = self._job([built], self._options.sampling) | {"limits": asdict(limits)}
        artifact = built.artifact.to_bytes()
        measurement, earlier = self._run(built, job | {"sizes": [len(artifact)]}, artifact, fresh=False)
        if measurement.status is not MeasureStatus.OK and earlier:
            measurement, _ = self._run(built, job | {"sizes": [len(artifact)]}, artifact, fresh=True)
        return measurement

    def _run(self, built: Built, job: Mapping[str, Any], artifact: bytes, *, fresh: bool) -> tuple[Measurement, int]:
        """The number: of the candidates that ran in the same process before."""
        outcome = self._measure(job, artifact, fresh=fresh)
        return _measurement(built, outcome, outcome.reply), outcome.earlier

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        """One process times all of them, on the reference case of the first one's workload."""
        if not candidates:
            return []
        artifacts = [built.artifact.to_bytes() for built in candidates]
        sampling = SamplingOptions(sample_secs=self._options.comparison_secs)
        job = self._job(candidates, sampling) | {"rounds": self._options.comparison_rounds}
        outcome = self._measure(job | {"sizes": [len(artifact) for artifact in artifacts]}, b"".join(artifacts), fresh=True)
        replies = outcome.reply.get("candidates", [{}] * len(candidates))
        return [_measurement(built, outcome, reply) for built, reply in zip(candidates, replies, strict=True)]

    def close(self) -> None:
        self._pool.close()

    def _job(self, candidates: Sequence[Built], sampling: SamplingOptions) -> dict[str, Any]:
        request = candidates[0].request
        return {
            "workload": request.workload.canonical,
            "seed": self._options.input_seed,
            "threads": self._options.threads or request.target.cores,
            "footprint": self._options.footprint_bytes,
            "cold": self._options.cold_arguments.get(request.workload, ()),
            "sampling": asdict(sampling),
        }

    def _measure(self, job: Mapping[str, Any], blob: bytes, *, fresh: bool) -> Outcome:
        with self._neighbour.at_rest() if self._neighbour is not None else nullcontext():
            return self._pool.wait(self._pool.submit(job, blob, timeout_secs=self._options.timeout_secs, fresh=fresh))


def _measurement(built: Built, outcome: Outcome, reply: Mapping[str, Any]) -> Measurement:
    match outcome.kind:
        case OutcomeKind.DONE:
            return _from_reply(built, outcome.secs, reply)
        case OutcomeKind.RAISED:
            status, error = MeasureStatus.CRASH, f"the kernel could not be run: {outcome.text}"
        case OutcomeKind.TIMEOUT:
            status, error = MeasureStatus.RUN_TIMEOUT, f"the kernel was {outcome.text}"
        case OutcomeKind.DIED:
            status, error = MeasureStatus.CRASH, f"the kernel's process was lost: {outcome.text}"
    return Measurement(status=status, error=error, build_secs=built.build_secs, measure_secs=outcome.secs, facts=built.facts)


def _from_reply(built: Built, measure_secs: float, reply: Mapping[str, Any]) -> Measurement:
    verdict = reply["verification"]
    facts = ((name, reply[key]) for name, key in FACTS.items() if key in reply)
    return Measurement(
        status=MeasureStatus(reply["status"]),
        run_secs=tuple(reply["run_secs"]),
        error=reply.get("error", ""),
        build_secs=built.build_secs,
        measure_secs=measure_secs,
        stopped_early=reply["stopped_early"],
        verification=None if verdict is None else Verification(**verdict),
        facts=(*built.facts, *facts),
    )
