"""Builds candidates on the builders of a tracker: what `Builder` does in worker processes here, done there.

In: `BuildRequest`. Out: `Built`, or a `Measurement` that says why not. A builder that is lost costs nothing but time: the tracker gives its
builds to others, and each is answered once. Next: a runner.
"""

import uuid
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import SimpleQueue

from compiler.errors import CodegenError
from fleet import BUILD_KEY, Blob, Device, Ending, FleetError, Job, JobResult
from fleet.client import FarmClient
from measure.builder import built_from
from measure.errors import MeasureError
from measure.measurement import Measurement, MeasureStatus
from measure.remote import JobWindow
from measure.remote_builds.build_text import BuildOrder, outcome_from_bytes
from measure.remote_builds.builder_version import describe_builder, version_text
from measure.request import BuildRequest, Built

LEAST_WINDOW = 16  # builds at the tracker at a time, so that builders which come later have work too
MOST_NAMES = 3  # in a line for people
TRIES = 3  # where a builder, not the candidate, is to blame


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBuilderOptions:
    """timeout_secs: of one build, on its builder. priority: larger goes before other people's builds."""

    timeout_secs: float = 20.0
    priority: int = 0


class RemoteBuilder:
    """A context manager, used by one thread. The client is the caller's. `MeasureError` where no builder of this version is there."""

    def __init__(self, client: FarmClient, options: RemoteBuilderOptions | None = None) -> None:
        self._options = options or RemoteBuilderOptions()
        self._builders = find_builders(client)
        self._session = uuid.uuid4().hex[:16]
        self._numbers = count()
        self._window = JobWindow(client, max(LEAST_WINDOW, 2 * self.slots))

    def __enter__(self) -> "RemoteBuilder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def slots(self) -> int:
        """How many builds went on at a time when the session began."""
        return len(self._builders)

    def stream(self, requests: Sequence[BuildRequest]) -> "RemoteBuildStream":
        """Sends all at once, here and now. Several streams may be open."""
        return RemoteBuildStream(self, requests)

    def close(self) -> None:
        """Gives up what is under way."""
        self._window.close()

    def send(self, request: BuildRequest) -> "Future[JobResult]":
        order = BuildOrder(request.to_json()).to_bytes()
        job = Job(
            identity=f"{self._session}-build-{next(self._numbers)}",
            key=BUILD_KEY,
            program="",
            files=(),
            stdin=order,
            candidate=Blob.of(order).digest,
            fingerprint=describe_builder().fingerprint,
            priority=self._options.priority,
            timeout_secs=self._options.timeout_secs,
        )
        return self._window.submit(job, {})


class RemoteBuildStream(Iterator[tuple[int, Built | Measurement]]):
    """The position of each request and what came of it, in the order of completion. `close` cancels what has not been handed out."""

    def __init__(self, builder: RemoteBuilder, requests: Sequence[BuildRequest]) -> None:
        self._builder = builder
        self._requests = requests
        self._tries = [0] * len(requests)
        self._futures: dict[int, Future[JobResult]] = {}
        self._ended: SimpleQueue[int] = SimpleQueue()
        for position in range(len(requests)):
            self._send(position)

    def __next__(self) -> tuple[int, Built | Measurement]:
        while self._futures:
            position = self._ended.get()
            result = self._take(position)
            if result is not None:
                return position, result
        raise StopIteration

    def close(self) -> None:
        for future in self._futures.values():
            future.cancel()
        self._futures.clear()

    def _send(self, position: int) -> None:
        self._tries[position] += 1
        future = self._builder.send(self._requests[position])
        self._futures[position] = future
        future.add_done_callback(partial(self._note, position))

    def _note(self, position: int, _future: "Future[JobResult]") -> None:
        self._ended.put(position)

    def _take(self, position: int) -> Built | Measurement | None:
        """None where a builder has given up and another one is asked. Raises `MeasureError` where none can be."""
        try:
            result = self._futures.pop(position).result()
        except FleetError as error:
            raise MeasureError(str(error)) from error
        match result.ending:
            case Ending.EXITED:
                return _built(self._requests[position], result)
            case Ending.NO_DEVICE:
                raise MeasureError(f"no builder is left that could build: {result.text}")
            case Ending.QUARANTINED:
                return Measurement(status=MeasureStatus.CRASH, error=f"the build was given up: {result.text}", build_secs=result.secs)
        if self._tries[position] >= TRIES:
            raise MeasureError(f"no builder could build in {TRIES} tries: {result.text}")
        self._send(position)
        return None


def _built(request: BuildRequest, result: JobResult) -> Built | Measurement:
    try:
        return built_from(request, outcome_from_bytes(result.output))
    except CodegenError as error:
        raise MeasureError(f"builder {result.device} sent what is no compiled kernel: {error}") from error


def find_builders(client: FarmClient) -> list[str]:
    """The names of those that build what this machine would; the others are told of in one line. `MeasureError` where there are none."""
    try:
        rows = [row for row in client.devices() if row.key == BUILD_KEY]
    except FleetError as error:
        raise MeasureError(str(error)) from error
    mine = describe_builder()
    if not rows:
        raise MeasureError("the tracker has no builder; start some with: tilewright builder --tracker HOST:PORT")
    fitting = [row.name for row in rows if row.fingerprint == mine.fingerprint]
    others: dict[str, list[str]] = {}
    for row in rows:
        if row.fingerprint != mine.fingerprint:
            others.setdefault(version_text(Device.from_json(row.device)), []).append(row.name)
    if others:
        listed = "; ".join(f"{_some(names)} with {text}" for text, names in others.items())
        told = f"builders of another version than this machine's {version_text(mine)} are refused: {listed}. Install the same there"
        if not fitting:
            raise MeasureError(told)
        warnings.warn(told, stacklevel=2)
    return fitting


def _some(names: Sequence[str]) -> str:
    """A builder has as many as slots."""
    rest = len(names) - MOST_NAMES
    return ", ".join(sorted(names)[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
