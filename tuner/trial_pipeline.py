"""Trials on their way through the builder: what was proposed and has not been timed yet.

`tuner/tune.py` pushes batches and takes built candidates; the builder works meanwhile. In: `Trial`s. Out: `Trial`s with what their build
came to.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from measure import ArtifactBuilder, BuildRequest, Built, Measurement
from schedule_space import Candidate


@dataclass(frozen=True, slots=True)
class Trial:
    """task: its position in the session."""

    task: int
    candidate: Candidate


class TrialPipeline:
    """Batches in the order of their proposal; within a batch, candidates in the order in which they are built."""

    def __init__(self, builder: ArtifactBuilder) -> None:
        self._builder = builder
        self._batches: deque[tuple[Sequence[Trial], Iterator[tuple[int, Built | Measurement]]]] = deque()
        self.waiting = 0

    def push(self, batch: Sequence[Trial], requests: Sequence[BuildRequest]) -> None:
        self._batches.append((batch, self._builder.stream(requests)))
        self.waiting += len(batch)

    def take(self) -> tuple[Trial, Built | Measurement]:
        """The next one to be timed; waits for its build. Raises `IndexError` if none is waiting."""
        while True:
            batch, stream = self._batches[0]
            for position, built in stream:
                self.waiting -= 1
                return batch[position], built
            self._batches.popleft()

    def cancel(self) -> None:
        """What is waiting is as if it had not been proposed."""
        for _, stream in self._batches:
            close = getattr(stream, "close", None)
            if close is not None:
                close()
        self._batches.clear()
        self.waiting = 0
