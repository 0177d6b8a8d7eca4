"""A tracker's jobs as futures: a thread keeps the connection, comes back when it is lost, and asks again for what is not answered.

In: `Job`s with the bytes of their files. Out: `JobResult`s, each once, whatever happened to the connection or the tracker meanwhile.
"""

import asyncio
import getpass
import socket
import threading
import time
import uuid
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fleet.address import Address, check_exposure
from fleet.backoff import Backoff
from fleet.blob_store import blob_messages
from fleet.errors import ConnectionLostError, FleetError, MessageError, RefusedError
from fleet.messages import PROTOCOL, Blob, DeviceRow, Job, JobResult, Message, digest_of
from fleet.outbox import Outbox
from fleet.race import run_until_first_ends
from fleet.tls import Role, TlsBundle
from fleet.wire import Connection, connect

ALIVE_SECS = 2.0
SMALL_BYTES = 256 << 10  # files up to this are sent without being asked for
ANSWER_SECS = 20.0
REMEMBERED = 20_000  # files that were sent; what is forgotten is sent again


def default_user() -> str:
    """`somebody@host`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        name = "nobody"
    return f"{name}@{socket.gethostname()}"[:100]


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmOptions:
    """user: who takes turns with others; a certificate's name counts instead where there is one. patience_secs: without a connection."""

    tracker: Address
    user: str = field(default_factory=default_user)
    bundle: TlsBundle | None = None
    insecure: bool = False
    silence_secs: float = 15.0
    patience_secs: float = 180.0


@dataclass(slots=True, eq=False)
class _Asked:
    job: Job
    blobs: Mapping[str, Blob]
    future: "Future[JobResult]" = field(default_factory=Future)


class FarmClient:
    """A context manager. The constructor connects; it raises `FleetError` where that fails."""

    def __init__(self, options: FarmOptions) -> None:
        check_exposure(options.tracker.host, options.bundle, options.insecure)
        self._options = options
        self._context = None if options.bundle is None else options.bundle.client_context()
        self._instance = uuid.uuid4().hex
        self._asked: dict[str, _Asked] = {}
        self._rows: list[Future[list[DeviceRow]]] = []
        self._outbox: Outbox | None = None
        self._sent: set[str] = set()
        self._failure: FleetError | None = None
        self._joined: Future[None] = Future()
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._ending = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run_loop, name="tilewright-farm", daemon=True)
        self._thread.start()
        try:
            self._joined.result()
        except FleetError:
            self.close()
            raise

    def __enter__(self) -> "FarmClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, job: Job, blobs: Mapping[str, Blob]) -> "Future[JobResult]":
        """blobs: the job's files by digest. The future raises `FleetError` where the tracker refuses the job or stays away for too long.

        A cancelled future ends the job where it is.
        """
        asked = _Asked(job, blobs)
        self._call(self._ask(asked))
        asked.future.add_done_callback(lambda future: self._forget(job.identity) if future.cancelled() else None)
        return asked.future

    def devices(self) -> list[DeviceRow]:
        """All devices that the tracker has; raises `FleetError`."""
        rows: Future[list[DeviceRow]] = Future()
        self._call(self._ask_for_devices(rows))
        try:
            return rows.result(ANSWER_SECS)
        except TimeoutError as error:
            raise ConnectionLostError(f"the tracker at {self._options.tracker} did not answer within {ANSWER_SECS:.0f} s") from error

    def close(self) -> None:
        """What is not answered is given up."""
        if self._thread.is_alive():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop)
            self._thread.join()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        with self._ending:
            if not self._ended:
                asyncio.run_coroutine_threadsafe(work, self._loop)
                return
        work.close()
        raise self._failure or ConnectionLostError("this client is closed")

    def _forget(self, identity: str) -> None:
        with suppress(RuntimeError, FleetError):
            self._call(self._cancel(identity))

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._keep_connected())
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        finally:
            self._end_loop()

    def _end_loop(self) -> None:
        """Whatever was asked before fails now; from now on `_call` raises."""
        with self._ending:
            self._ended = True
        self._loop.run_until_complete(asyncio.sleep(0))  # lets in what was handed over and not looked at
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._fail(self._failure or ConnectionLostError("this client is closed"))
        self._loop.close()

    async def _keep_connected(self) -> None:
        backoff, lost_at = Backoff(), time.monotonic()
        while True:
            try:
                await self._serve_connection()
            except ConnectionLostError as error:
                if not self._joined.done():
                    self._failure = error
                    return
                if self._outbox is not None:
                    lost_at = time.monotonic()
                if time.monotonic() - lost_at > self._options.patience_secs:
                    self._failure = ConnectionLostError(f"{error}; tried for {self._options.patience_secs:.0f} s")
                    return
            except FleetError as error:
                self._failure = error
                return
            finally:
                self._outbox = None
            await asyncio.sleep(backoff.next_secs())

    async def _serve_connection(self) -> None:
        options = self._options
        connection = await connect(options.tracker.host, options.tracker.port, self._context)
        try:
            join = {"op": "join", "protocol": PROTOCOL, "role": Role.CLIENT.value, "name": options.user, "instance": self._instance}
            await connection.send(join)
            answer = await self._first_answer(connection)
            if answer["op"] != "welcome":
                raise RefusedError(f"the tracker at {options.tracker} refuses: {answer.get('text', answer['op'])}")
            self._heard_at = time.monotonic()
            self._outbox = Outbox(connection)
            self._sent = set()
            for asked in self._asked.values():
                self._send_job(asked)
            for _ in self._rows:
                self._outbox.send({"op": "devices"})
            if not self._joined.done():
                self._joined.set_result(None)
            await run_until_first_ends(self._read(connection), self._outbox.run(), self._signal_life(self._outbox))
        finally:
            connection.close()

    async def _first_answer(self, connection: Connection) -> Message:
        options = self._options
        try:
            async with asyncio.timeout(options.silence_secs):
                return await connection.receive()
        except TimeoutError as error:
            raise ConnectionLostError(f"the tracker at {options.tracker} did not answer within {options.silence_secs:g} s") from error

    async def _read(self, connection: Connection) -> None:
        while True:
            message = await connection.receive()
            self._heard_at = time.monotonic()
            self._handle(message)

    async def _signal_life(self, outbox: Outbox) -> None:
        while True:
            outbox.send({"op": "alive"})
            await asyncio.sleep(ALIVE_SECS)
            silent_secs = time.monotonic() - self._heard_at
            if silent_secs > self._options.silence_secs:
                raise ConnectionLostError(f"nothing was heard of the tracker at {self._options.tracker} for {silent_secs:.0f} s")

    def _handle(self, message: Message) -> None:
        match message["op"]:
            case "alive":
                pass
            case "want":
                self._send_files(_digests_of(message))
            case "result":
                result = JobResult.from_message(message)
                asked = self._asked.pop(result.identity, None)
                if asked is not None and asked.future.set_running_or_notify_cancel():
                    asked.future.set_result(result)
            case "devices":
                rows = _rows_of(message)
                asked_for, self._rows = self._rows, []
                for future in asked_for:
                    future.set_result(rows)
            case "refused":
                raise RefusedError(f"the tracker at {self._options.tracker} refuses: {message.get('text')}")
            case unknown:
                raise MessageError(f"{unknown!r} is not an operation of trackers"[:200])

    async def _ask(self, asked: _Asked) -> None:
        self._asked[asked.job.identity] = asked
        self._send_job(asked)

    async def _ask_for_devices(self, rows: "Future[list[DeviceRow]]") -> None:
        self._rows.append(rows)
        if self._outbox is not None:
            self._outbox.send({"op": "devices"})

    async def _cancel(self, identity: str) -> None:
        if self._asked.pop(identity, None) is not None and self._outbox is not None:
            self._outbox.send_after_files([{"op": "cancel", "identity": identity}])

    def _send_job(self, asked: _Asked) -> None:
        if self._outbox is None:
            return
        if len(self._sent) > REMEMBERED:
            self._sent.clear()
        self._send_files({digest for digest, blob in asked.blobs.items() if len(blob.data) <= SMALL_BYTES} - self._sent)
        self._outbox.send_after_files([asked.job.to_message("submit")])

    def _send_files(self, digests: set[str]) -> None:
        """Those of them that a job still needs."""
        for asked in self._asked.values():
            for digest in digests & asked.blobs.keys():
                digests.discard(digest)
                self._sent.add(digest)
                if self._outbox is not None:
                    self._outbox.send_after_files(blob_messages(digest, asked.blobs[digest].data))

    def _fail(self, error: FleetError) -> None:
        waiting: list[Future[Any]] = [asked.future for asked in self._asked.values()]
        for future in (*waiting, *self._rows, self._joined):
            if not future.done() and future.set_running_or_notify_cancel():
                future.set_exception(error)
        self._asked.clear()
        self._rows.clear()


def _digests_of(message: Message) -> set[str]:
    """Raises `MessageError`."""
    digests = message.get("digests")
    if not isinstance(digests, list | tuple):
        raise MessageError("the tracker wants files and does not say which")
    return {digest_of(digest) for digest in digests}


def _rows_of(message: Message) -> list[DeviceRow]:
    """Raises `MessageError`, also where a tracker of another version tells more or less of a device."""
    try:
        return [DeviceRow(**row) for row in message["rows"]]
    except (KeyError, TypeError) as error:
        raise MessageError(f"the tracker lists devices as this version of Tilewright does not know them: {error}"[:300]) from error
