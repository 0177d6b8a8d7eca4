"""Builds candidates in worker processes: a candidate that crashes LLVM, hangs it or eats the memory costs one build and no more.

In: `BuildRequest`. Out: `Built`, or a `Measurement` that says why not. The workers run `measure/build_job.py`. Next: `measure/runner.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from compiler.codegen import Artifact
from measure.child_pool import ChildPool, Outcome, OutcomeKind
from measure.child_server import ServerSettings
from measure.measurement import Measurement, MeasureStatus
from measure.placement import Placement
from measure.request import BuildRequest, Built

JOBS_PER_WORKER = 64  # then a fresh one, since neither LLVM nor what is left to the garbage collector gives its memory back


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderOptions:
    """workers: builds at the same time. memory_bytes: of one worker, beyond its imports. module: what the workers run.

    placement: the core of each worker, and who rests while a kernel is timed, in place of a number of workers.
    """

    workers: int = 1
    placement: Placement | None = None
    timeout_secs: float = 10.0
    memory_bytes: int | None = 4 << 30
    module: str = "measure.build_job"


@dataclass(frozen=True, slots=True)
class BuildTicket:
    """A build that was asked for: hand it to `Builder.result`."""

    request: BuildRequest
    job: int


class Builder:
    """A pool of warm build workers; a context manager, used by one thread."""

    def __init__(self, options: BuilderOptions | None = None) -> None:
        options = options or BuilderOptions()
        self._options = options
        placement = options.placement or Placement((), (), ())
        self._pool = ChildPool(
            ServerSettings(
                module=options.module,
                workers=len(placement.builders) or options.workers,
                cores=tuple((core,) for core in placement.builders),
                resting=placement.resting,
                jobs_per_child=JOBS_PER_WORKER,
                memory_bytes=options.memory_bytes,
            )
        )

    def __enter__(self) -> "Builder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, request: BuildRequest) -> BuildTicket:
        """Starts a build as soon as a worker is free."""
        return BuildTicket(request, self._pool.submit(request.to_json(), timeout_secs=self._options.timeout_secs))

    def result(self, ticket: BuildTicket) -> Built | Measurement:
        """Waits for one build."""
        return built_from(ticket.request, self._pool.wait(ticket.job))

    def stream(self, requests: Sequence[BuildRequest]) -> "BuildStream":
        """Submits all at once, here and now; the workers build on while the caller does other things. Several streams may be open."""
        return BuildStream(self._pool, requests, {self.submit(request).job: position for position, request in enumerate(requests)})

    def build(self, requests: Sequence[BuildRequest]) -> list[Built | Measurement]:
        """All of them, in the order of the requests."""
        return [result for _, result in sorted(self.stream(requests), key=lambda pair: pair[0])]

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Meanwhile the workers on the cores of the timing stand still."""
        self._pool.pause()
        try:
            yield
        finally:
            self._pool.resume()

    def close(self) -> None:
        self._pool.close()


class BuildStream(Iterator[tuple[int, Built | Measurement]]):
    """The position of each request and what came of it, in the order of completion. `close` cancels what has not been handed out."""

    def __init__(self, pool: ChildPool, requests: Sequence[BuildRequest], positions: dict[int, int]) -> None:
        self._pool = pool
        self._requests = requests
        self._positions = positions

    def __next__(self) -> tuple[int, Built | Measurement]:
        if not self._positions:
            raise StopIteration
        job, outcome = self._pool.wait_any(set(self._positions))
        position = self._positions.pop(job)
        return position, built_from(self._requests[position], outcome)

    def close(self) -> None:
        self._pool.cancel(set(self._positions))
        self._positions.clear()


def built_from(request: BuildRequest, outcome: Outcome) -> Built | Measurement:
    """What a worker's answer means; raises `CodegenError` for an artifact that is none."""
    match outcome.kind:
        case OutcomeKind.DONE if outcome.reply["status"] == MeasureStatus.OK:
            return Built(request=request, artifact=Artifact.from_bytes(outcome.blob), build_secs=outcome.secs)
        case OutcomeKind.DONE:
            status, error = MeasureStatus(outcome.reply["status"]), str(outcome.reply["error"])
        case OutcomeKind.RAISED:
            status, error = MeasureStatus.COMPILE_ERROR, f"internal error: {outcome.text}"
        case OutcomeKind.TIMEOUT:
            status, error = MeasureStatus.BUILD_TIMEOUT, f"the build was {outcome.text}"
        case OutcomeKind.DIED if "LLVM ERROR" in outcome.text:
            status, error = MeasureStatus.COMPILE_ERROR, f"LLVM gave up: {outcome.text}"
        case OutcomeKind.DIED:
            status, error = MeasureStatus.CRASH, f"the build worker was lost: {outcome.text}"
    return Measurement(status=status, error=error, build_secs=outcome.secs)
