"""The jobs that wait, by lane: a lane is a key and the fingerprint that the device must have (empty: any).

In: jobs come and go. Out: whose job is next in a lane, found by looking at one job per user. Used by `job_queue.py`.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from fleet.messages import Job

Lane = tuple[str, str]
Place = tuple[str, str]  # client, identity of the job


@dataclass(slots=True, eq=False)
class QueuedJob:
    """A job, who wants it, its place in the order of arrival, and since when nobody can do it (None: somebody can)."""

    job: Job
    client: str
    user: str
    number: int
    stranded_since: float | None = None

    @property
    def place(self) -> Place:
        return (self.client, self.job.identity)

    @property
    def lane(self) -> Lane:
        return (self.job.key, self.job.fingerprint)


class Lanes:
    """A user's jobs of one priority in a lane form a heap, the oldest first; what is removed leaves its entry there until it is reached."""

    def __init__(self) -> None:
        self._heaps: dict[Lane, dict[tuple[int, str], list[tuple[int, Place]]]] = {}  # lane -> (priority, user) -> oldest first
        self._waiting: dict[Place, QueuedJob] = {}
        self.per_key: Counter[str] = Counter()

    def __contains__(self, place: Place) -> bool:
        return place in self._waiting

    def __iter__(self) -> Iterator[QueuedJob]:
        return iter(list(self._waiting.values()))

    def add(self, queued: QueuedJob) -> None:
        """A job that comes back stands where it stood."""
        heaps = self._heaps.setdefault(queued.lane, {})
        heapq.heappush(heaps.setdefault((queued.job.priority, queued.user), []), (queued.number, queued.place))
        self._waiting[queued.place] = queued
        self.per_key[queued.job.key] += 1

    def remove(self, place: Place) -> QueuedJob | None:
        queued = self._waiting.pop(place, None)
        if queued is not None:
            self.per_key[queued.job.key] -= 1
        return queued

    def first(self, lanes: Sequence[Lane], last_turn: Mapping[str, int], allowed: Callable[[Job], bool]) -> QueuedJob | None:
        """The highest priority, then the user whose turn is longest ago, then the oldest; of the lanes together."""
        found = [queued for lane in lanes for queued in self._heads(lane, allowed)]
        return min(found, key=lambda queued: (-queued.job.priority, last_turn.get(queued.user, 0), queued.number), default=None)

    def _heads(self, lane: Lane, allowed: Callable[[Job], bool]) -> Iterator[QueuedJob]:
        """The first allowed job of each priority and user."""
        heaps = self._heaps.get(lane, {})
        for owner, heap in list(heaps.items()):
            while heap and not self._is_current(heap[0]):
                heapq.heappop(heap)
            if not heap:
                del heaps[owner]
                continue
            first = self._waiting[heap[0][1]]
            if allowed(first.job):
                yield first
                continue
            rest = (self._waiting[entry[1]] for entry in sorted(heap) if self._is_current(entry))
            yield from islice((other for other in rest if allowed(other.job)), 1)
        if lane in self._heaps and not heaps:
            del self._heaps[lane]

    def _is_current(self, entry: tuple[int, Place]) -> bool:
        queued = self._waiting.get(entry[1])
        return queued is not None and queued.number == entry[0]
