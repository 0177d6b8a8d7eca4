"""The jobs that a device has: one runs, the others wait; each is answered, once. Used by `agent.py`.

In: jobs. Out: results, over the outbox.
"""

import asyncio
from collections import deque
from typing import Any

from fleet.blob_store import BlobStore
from fleet.daemon.health import read_health
from fleet.daemon.options import DaemonOptions
from fleet.daemon.sandbox import Sandbox
from fleet.daemon.supervisor_link import SupervisorLink
from fleet.device import describe_host
from fleet.messages import Ending, Job, JobResult
from fleet.outbox import Outbox

FILES_SECS = 45.0  # within which missing files have to come


class JobDesk:
    def __init__(self, options: DaemonOptions, link: SupervisorLink, sandbox: Sandbox, store: BlobStore, outbox: Outbox) -> None:
        self._options = options
        self._link = link
        self._sandbox = sandbox
        self._store = store
        self._outbox = outbox
        self._cores = describe_host().cores
        self._waiting: deque[Job] = deque()
        self._preparing: str | None = None  # identities of jobs
        self._running: str | None = None
        self._aborted: set[str] = set()
        self._changed = asyncio.Event()

    def add(self, job: Job) -> None:
        self._store.pin(job.digests)
        self._waiting.append(job)
        self._changed.set()

    def file_arrived(self) -> None:
        self._changed.set()

    def abort(self, identity: str) -> None:
        """The job still gets a result, so that the tracker knows when the device is free."""
        if self._running == identity:
            self._link.abort()
        elif self._preparing == identity or any(job.identity == identity for job in self._waiting):
            self._aborted.add(identity)
            self._changed.set()

    async def run(self) -> None:
        """For ever; raises `ConnectionLostError` when the supervisor is gone."""
        while True:
            while not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            job = self._waiting.popleft()
            result = await self._answer(job)
            self._store.unpin(job.digests)
            self._outbox.send(result.to_message())

    async def _answer(self, job: Job) -> JobResult:
        self._preparing = job.identity
        try:
            are_here = await self._files_are_here(job)
        finally:
            self._preparing = None
        if job.identity in self._aborted:
            self._aborted.remove(job.identity)
            return JobResult(identity=job.identity, ending=Ending.REFUSED, text="nobody waits for it any more")
        if not are_here:
            return JobResult(identity=job.identity, ending=Ending.REFUSED, text="its files did not come")
        try:
            return await self._measure(job)
        finally:
            self._running = None
            self._sandbox.clean()

    async def _files_are_here(self, job: Job) -> bool:
        """Asks for those that are missing, since the cache has given them up; who is no longer waited for need not wait for them."""
        if job.identity not in self._aborted and (missing := self._store.missing(job.digests)):
            self._outbox.send({"op": "want", "digests": missing})
        try:
            async with asyncio.timeout(FILES_SECS):
                while job.identity not in self._aborted and self._store.missing(job.digests):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _measure(self, job: Job) -> JobResult:
        paths = {digest: self._store.path(digest) for digest in job.digests}
        places = {name: path for name, digest in job.files if (path := paths[digest]) is not None}
        program = paths[job.program]
        if program is None or len(places) < len(job.files):
            return JobResult(identity=job.identity, ending=Ending.REFUSED, text="its files were touched by somebody")
        limits = [limit for limit in (job.memory_bytes, self._options.memory_bytes) if limit]
        command = self._sandbox.command(program, places, job.stdin, job.timeout_secs, min(limits, default=0), self._cores)
        self._running = job.identity
        ending: dict[str, Any] = await self._link.run(command)
        return JobResult(
            identity=job.identity,
            ending=Ending(ending["ending"]),
            code=int(ending["code"]),
            text=str(ending["text"]),
            output=bytes.fromhex(ending["output"]),
            errors=bytes.fromhex(ending["errors"])[-4096:],
            secs=float(ending["secs"]),
            device=self._options.name,
            health=read_health(),
        )
