"""A builder that hands each candidate to the fleet when it is built, so that all devices have work while the search asks for one result.

In: another builder, the runner. Out: the same results in the same order; `RemoteRunner.run` then finds the measurement under way or done.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from measure.measurement import Measurement
from measure.remote.remote_runner import RemoteRunner
from measure.request import ArtifactBuilder, BuildRequest, Built


class MeasureAhead:
    """Of each stream, as many candidates as the runner has devices are under way before the first is handed out."""

    def __init__(self, builder: ArtifactBuilder, runner: RemoteRunner) -> None:
        self._builder = builder
        self._runner = runner

    def stream(self, requests: Sequence[BuildRequest]) -> Iterator[tuple[int, Built | Measurement]]:
        return self._ahead(self._builder.stream(requests))

    def _ahead(self, stream: Iterator[tuple[int, Built | Measurement]]) -> Iterator[tuple[int, Built | Measurement]]:
        window: deque[tuple[int, Built | Measurement]] = deque()
        try:
            for position, built in stream:
                if isinstance(built, Built):
                    self._runner.prefetch(built)
                window.append((position, built))
                if len(window) > self._runner.slots:
                    yield window.popleft()
            while window:
                yield window.popleft()
        finally:  # the search wants no more of them
            for _, built in window:
                if isinstance(built, Built):
                    self._runner.forget(built)
            close = getattr(stream, "close", None)
            if close is not None:
                close()
