"""At most so many jobs of a session at the tracker; the others wait here. Used by `remote_runner.py`.

In: jobs. Out: futures, in no particular order of completion. Results arrive on the client's thread, which then sends the next job.
"""

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from fleet import Blob, FleetError, Job, JobResult
from fleet.client import FarmClient


@dataclass(slots=True, eq=False)
class _Waiting:
    job: Job
    blobs: Mapping[str, Blob]
    future: "Future[JobResult]" = field(default_factory=Future)


class JobWindow:
    def __init__(self, client: FarmClient, most: int) -> None:
        self._client = client
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._sent: set[Future[JobResult]] = set()

    def submit(self, job: Job, blobs: Mapping[str, Blob]) -> "Future[JobResult]":
        """The future raises `FleetError` where the fleet fails; cancelling it gives up the job."""
        waiting = _Waiting(job, blobs)
        self._waiting.append(waiting)
        self._send()
        return waiting.future

    def close(self) -> None:
        """Gives up all jobs: their futures are cancelled."""
        with self._lock:
            waiting, sent = list(self._waiting), list(self._sent)
            self._waiting.clear()
        for future in (*(each.future for each in waiting), *sent):
            future.cancel()

    def _send(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or len(self._sent) >= self._most:
                    return
                waiting = self._waiting.popleft()
                if waiting.future.cancelled():
                    continue
                try:
                    sent = self._client.submit(waiting.job, waiting.blobs)
                except FleetError as error:
                    waiting.future.set_exception(error)
                    continue
                self._sent.add(sent)
            sent.add_done_callback(partial(self._take, waiting.future))
            waiting.future.add_done_callback(partial(_give_up, sent))

    def _take(self, asked: "Future[JobResult]", done: "Future[JobResult]") -> None:
        with self._lock:
            self._sent.discard(done)
        if done.cancelled():
            asked.cancel()
        elif asked.set_running_or_notify_cancel():
            error = done.exception()
            if error is not None:
                asked.set_exception(error)
            else:
                asked.set_result(done.result())
        self._send()


def _give_up(sent: "Future[JobResult]", asked: "Future[JobResult]") -> None:
    if asked.cancelled():
        sent.cancel()
