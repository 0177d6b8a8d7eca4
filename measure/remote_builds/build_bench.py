"""The build workers of a builder, for all its connections to the tracker: orders come in from an event loop, outcomes go back into it.

In: orders. Out: `Outcome`s, as `measure/child_pool.py` gives them; a thread of its own uses the pool. Used by `builder_member.py`.
"""

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from measure.child_pool import ChildPool, Outcome
from measure.child_server import ServerSettings
from measure.errors import MeasureError
from measure.remote_builds.build_text import BuildOrder

POLL_SECS = 0.005  # of a build that takes a tenth of a second at least


@dataclass(slots=True, eq=False)
class _Asked:
    order: BuildOrder
    timeout_secs: float
    future: "Future[Outcome]" = field(default_factory=Future)


class BuildBench:
    """A context manager. After a pool that cannot work at all, every build raises its `MeasureError`."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._failure: MeasureError | None = None
        self._thread = threading.Thread(target=self._run, name="tilewright-builds", daemon=True)

    def __enter__(self) -> "BuildBench":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.put(None)
        self._thread.join()

    async def build(self, order: BuildOrder, timeout_secs: float) -> Outcome:
        """A build whose caller is cancelled does not begin any more."""
        asked = _Asked(order, timeout_secs)
        self._asked.put(asked)
        return await asyncio.wrap_future(asked.future)

    def _run(self) -> None:
        with ChildPool(self._settings) as pool:
            under_way: dict[int, Future[Outcome]] = {}
            try:
                while self._take_orders(pool, under_way):
                    for job in list(under_way):
                        outcome = pool.poll(job)
                        if outcome is not None:
                            _settle(under_way.pop(job), outcome)
            except MeasureError as error:
                self._failure = error
                for future in under_way.values():
                    _fail(future, error)
        while self._failure is not None and (asked := self._asked.get()) is not None:
            _fail(asked.future, self._failure)

    def _take_orders(self, pool: ChildPool, under_way: "dict[int, Future[Outcome]]") -> bool:
        """Waits for one, for a moment only while builds are under way; False: there will be no more. Raises `MeasureError`."""
        try:
            asked = self._asked.get(timeout=POLL_SECS if under_way else None)
        except Empty:
            return True
        if asked is None:
            return False
        if not asked.future.cancelled():
            try:
                under_way[pool.submit(asked.order.request, timeout_secs=asked.timeout_secs)] = asked.future
            except MeasureError as error:
                _fail(asked.future, error)
                raise
        return True


def _settle(future: "Future[Outcome]", outcome: Outcome) -> None:
    if future.set_running_or_notify_cancel():
        future.set_result(outcome)


def _fail(future: "Future[Outcome]", error: MeasureError) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
