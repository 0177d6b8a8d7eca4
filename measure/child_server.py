"""A server process: imports a job module once, forks a killable child per job (or per some jobs), and tells what became of each.

    tuning process --frames--> server --fork, frames--> child, which runs the job module's `handle`

Started by `measure/child_pool.py`; has one thread, so that forking is safe, and never runs a candidate's code itself. A child that dies or
outlives its time costs one job, and the next child is a fork away. The server ends, and its children with it, when the tuning process hangs
up or dies. Children can be stopped for a while, so that something else has their cores to itself; their time stands still meanwhile.
"""

import gc
import importlib
import json
import selectors
import signal
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Protocol, cast

from measure.child_process import ChildProcess, fork_child
from measure.frames import CHUNK_BYTES, Frame, FrameError, FrameReader


class Jobs(Protocol):
    """What `make_jobs()` of a job module returns."""

    def warm_up(self) -> None:
        """Once, in the server, before any child: what every child would otherwise do again."""

    def prepare(self, job: Frame) -> bool:
        """In the server, before a child is given the job: what outlives the child. No foreign code may run here.

        True if children that were forked before lack something now; those that are idle are replaced.
        """

    def handle(self, job: Frame) -> Frame:
        """In the child. May crash, hang or raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """module: its `make_jobs()` makes the `Jobs`. jobs_per_child: 1 gives every job a process of its own.

    memory_bytes: what a child may take beyond what the server holds; None: no limit.
    cores: those of each worker; empty: none of the workers is bound to any. resting: the workers, by number, that "pause" stops.
    """

    module: str
    workers: int = 1
    jobs_per_child: int = 1
    memory_bytes: int | None = None
    cores: tuple[tuple[int, ...], ...] = ()
    resting: tuple[int, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class ChildServer:
    """The event loop. The parent sends `{"id", "timeout_secs", "fresh", "job"}`, `{"cancel": [ids]}`, `{"pause": true}` or `{"pause":
    false}`.

    Back goes `{"id", "outcome", "text" or "reply", "secs", "earlier"}` for every job that was not cancelled in time; earlier: the jobs that
    its child had done before. A fresh job gets a child that has done none. A pause is answered by `{"paused": true}` as soon as it is one.
    """

    def __init__(self, parent: socket.socket, settings: ServerSettings) -> None:
        self._parent = parent
        self._settings = settings
        self._jobs = cast(Jobs, importlib.import_module(settings.module).make_jobs())
        self._pending: deque[Frame] = deque()
        self._children: list[ChildProcess] = []
        self._selector = selectors.DefaultSelector()
        self._reader = FrameReader()
        self._outgoing = bytearray()
        self._paused_since: float | None = None

    def serve(self) -> None:
        """Until the parent hangs up."""
        self._jobs.warm_up()
        gc.collect()
        gc.freeze()
        self._parent.setblocking(False)
        self._selector.register(self._parent, selectors.EVENT_READ)
        self._outgoing += Frame({"ready": True}).encode()
        try:
            self._loop()
        except ConnectionError:
            return
        finally:
            for child in self._children:
                child.end()

    def _loop(self) -> None:
        while True:
            self._start_jobs()
            self._watch_parent()
            for key, events in self._selector.select(self._patience_secs()):
                if key.fileobj is not self._parent:
                    if key.data in self._children:
                        self._read_child(key.data)
                    continue
                if events & selectors.EVENT_WRITE:
                    self._flush()
                if events & selectors.EVENT_READ and not self._read_parent():
                    return
            self._end_late_children()

    def _watch_parent(self) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        self._selector.modify(self._parent, events)

    def _patience_secs(self) -> float | None:
        """How long nothing needs to be looked at."""
        deadlines = [child.deadline_secs for child in self._children if child.job is not None and not self._rests(child.place)]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _flush(self) -> None:
        sent = self._parent.send(self._outgoing[: 1 << 20])
        del self._outgoing[:sent]

    def _read_parent(self) -> bool:
        data = self._parent.recv(CHUNK_BYTES)
        for frame in self._reader.feed(data):
            if "pause" in frame.header:
                self._pause(frame.header["pause"])
            elif "cancel" in frame.header:
                self._pending = deque(job for job in self._pending if job.header["id"] not in frame.header["cancel"])
            else:
                self._pending.append(frame)
        return bool(data)

    def _pause(self, pausing: bool) -> None:
        """Stops the resting workers, or lets them go on; each pause is answered."""
        resting = [child for child in self._children if child.place in self._settings.resting]
        if pausing:
            self._paused_since = time.monotonic()
            for child in resting:
                child.signal(signal.SIGSTOP)
            self._outgoing += Frame({"paused": True}).encode()
            return
        if self._paused_since is None:
            return
        paused_secs, self._paused_since = time.monotonic() - self._paused_since, None
        for child in resting:
            child.started_secs += paused_secs
            child.deadline_secs += paused_secs
            child.signal(signal.SIGCONT)

    def _rests(self, place: int) -> bool:
        return self._paused_since is not None and place in self._settings.resting

    def _start_jobs(self) -> None:
        while self._pending:
            free = [place for place in range(self._settings.workers) if not self._rests(place) and not self._is_busy(place)]
            if not free:
                return
            self._start_job(self._pending.popleft(), free[0])

    def _is_busy(self, place: int) -> bool:
        return any(child.place == place and child.job is not None for child in self._children)

    def _start_job(self, frame: Frame, place: int) -> None:
        job = Frame(frame.header["job"], frame.blob)
        identity = frame.header["id"]
        try:
            outdated = self._jobs.prepare(job)
        except Exception as error:  # noqa: BLE001 - the process boundary: every error becomes text
            self._answer(identity, Frame({"outcome": "raised", "text": f"{type(error).__name__}: {error}"}), 0.0)
            return
        idle = next((child for child in self._children if child.place == place), None)
        if idle is not None and (outdated or (frame.header["fresh"] and idle.jobs_done)):
            self._remove(idle)
            idle = None
        child = idle or self._fork(place)
        now = time.monotonic()
        child.job, child.started_secs, child.deadline_secs = identity, now, now + frame.header["timeout_secs"]
        try:
            child.connection.sendall(job.encode())
        except OSError:
            self._lose(child, "died")

    def _fork(self, place: int) -> ChildProcess:
        others = [self._parent, *(child.connection for child in self._children)]
        cores = self._settings.cores[place] if self._settings.cores else ()
        child = fork_child(self._jobs.handle, self._settings.memory_bytes, others, place, cores)
        self._children.append(child)
        self._selector.register(child.connection, selectors.EVENT_READ, child)
        return child

    def _read_child(self, child: ChildProcess) -> None:
        try:
            data = child.connection.recv(CHUNK_BYTES)
            frames = list(child.reader.feed(data))
        except FrameError as error:
            self._lose(child, "died", f"answered with {error}")
            return
        except OSError:
            data, frames = b"", []
        if not data:
            self._lose(child, "died")
        for frame in frames[:1]:
            self._finish(child, frame)

    def _finish(self, child: ChildProcess, frame: Frame) -> None:
        if child.job is not None:
            self._answer(child.job, frame, time.monotonic() - child.started_secs, child.jobs_done)
        child.job = None
        child.jobs_done += 1
        if child.jobs_done >= self._settings.jobs_per_child or frame.header.get("outcome") != "done":
            self._remove(child)

    def _end_late_children(self) -> None:
        now = time.monotonic()
        for child in list(self._children):
            if child.job is not None and child.deadline_secs <= now and not self._rests(child.place):
                self._lose(child, "timeout", f"killed after {now - child.started_secs:.1f} s")

    def _lose(self, child: ChildProcess, outcome: str, text: str = "") -> None:
        """The child is gone, or has to go, without an answer. text: why, if not what the system says of its death."""
        identity, secs = child.job, time.monotonic() - child.started_secs
        death = self._remove(child)
        if identity is not None:
            self._answer(identity, Frame({"outcome": outcome, "text": text or death}), secs, child.jobs_done)

    def _remove(self, child: ChildProcess) -> str:
        self._selector.unregister(child.connection)
        self._children.remove(child)
        return child.end()

    def _answer(self, identity: int, frame: Frame, secs: float, earlier: int = 0) -> None:
        self._outgoing += Frame({**frame.header, "id": identity, "secs": secs, "earlier": earlier}, frame.blob).encode()


def main() -> None:
    """The one argument of the process is a JSON object: the descriptor of the socket to the parent, and the fields of `ServerSettings`."""
    arguments = json.loads(sys.argv[1])
    parent = socket.socket(fileno=arguments.pop("descriptor"))
    ChildServer(parent, ServerSettings(**arguments)).serve()
