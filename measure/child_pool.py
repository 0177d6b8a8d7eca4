"""The tuning process's side of a child server: send jobs, receive what became of them, start the server again when it dies.

`measure/builder.py` and `measure/runner.py` stand on it. One thread uses a pool; the server works on while that thread does other things.
"""

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import IO, Any

from compiler.runtime import child_environment
from measure.child_process import memory_file
from measure.child_server import ServerSettings
from measure.errors import MeasureError
from measure.frames import CHUNK_BYTES, Frame, FrameReader

START_TIMEOUT_SECS = 120.0  # a cold import from a slow disk
CLOSE_TIMEOUT_SECS = 2.0
SERVER_PROGRAM = "from measure.child_server import main; main()"


class OutcomeKind(StrEnum):
    DONE = "done"
    RAISED = "raised"  # the job module raised what it does not know: a defect
    TIMEOUT = "timeout"
    DIED = "died"  # a signal, out of memory, exit


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job. text: why there is no reply. secs: from the start of the job in its child to its end, pauses left out.

    earlier: jobs that the same child had done before.
    """

    kind: OutcomeKind
    text: str = ""
    reply: Mapping[str, Any] = field(default_factory=dict)
    blob: bytes = field(default=b"", repr=False)
    secs: float = 0.0
    earlier: int = 0


class ChildPool:
    """Jobs for the children of one server; a context manager. Jobs start in the order of submission."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._next_id = 0
        self._in_flight: set[int] = set()
        self._outcomes: dict[int, Outcome] = {}
        self._connection: socket.socket | None = None
        self._start()

    def __enter__(self) -> "ChildPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, header: Mapping[str, Any], blob: bytes = b"", *, timeout_secs: float, fresh: bool = False) -> int:
        """The job's number, for `wait`. The time counts from when a child takes the job up. fresh: it gets a child of its own."""
        if self._connection is None:
            self._start()
        identity = self._next_id
        self._next_id += 1
        self._in_flight.add(identity)
        frame = Frame({"id": identity, "timeout_secs": timeout_secs, "fresh": fresh, "job": dict(header)}, blob)
        try:
            self._connected().sendall(frame.encode())
        except OSError:
            self._lose_server()
        return identity

    def wait(self, identity: int) -> Outcome:
        """Blocks until the job has ended, one way or another; an outcome is handed out once."""
        while identity not in self._outcomes:
            if identity not in self._in_flight:
                raise KeyError(f"job {identity} is not in flight")
            self._receive(None)
        return self._outcomes.pop(identity)

    def poll(self, identity: int) -> Outcome | None:
        """The outcome if the job has ended, else None at once."""
        while identity in self._in_flight and self._receive(0.0):
            pass
        return self._outcomes.pop(identity, None)

    def wait_any(self, identities: set[int]) -> tuple[int, Outcome]:
        """The first of these jobs to end; the oldest where several have."""
        while not (ended := identities & self._outcomes.keys()):
            if not identities & self._in_flight:
                raise KeyError(f"none of the jobs {sorted(identities)} is in flight")
            self._receive(None)
        identity = min(ended)
        return identity, self._outcomes.pop(identity)

    def cancel(self, identities: set[int]) -> None:
        """Nobody wants these outcomes any more: jobs that have not started never will."""
        unwanted = identities & self._in_flight
        self._in_flight -= unwanted
        for identity in identities:
            self._outcomes.pop(identity, None)
        if unwanted and self._connection is not None:
            with suppress(OSError):
                self._connection.sendall(Frame({"cancel": sorted(unwanted)}).encode())

    def pause(self) -> None:
        """Returns when the resting workers stand still; at once where there are none, or no server is running yet."""
        if not self._settings.resting or not self._ready or self._connection is None:
            return
        self._paused = False
        with suppress(OSError):
            self._connection.sendall(Frame({"pause": True}).encode())
        while self._connection is not None and not self._paused:
            self._receive(None)

    def resume(self) -> None:
        """Lets the resting workers go on."""
        if self._settings.resting and self._ready and self._connection is not None:
            with suppress(OSError):
                self._connection.sendall(Frame({"pause": False}).encode())

    def close(self) -> None:
        """Ends the server and its children, with whatever they are at."""
        if self._connection is None:
            return
        self._connection.close()
        self._connection = None
        self._in_flight.clear()
        self._end_server(CLOSE_TIMEOUT_SECS)

    def _start(self) -> None:
        """Starts the server without waiting for it: it imports while the caller goes on."""
        ours, theirs = socket.socketpair()
        settings = {"descriptor": theirs.fileno(), **asdict(self._settings)}
        self._log: IO[bytes] = memory_file()
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-c", SERVER_PROGRAM, json.dumps(settings)],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=child_environment(sys.path),
            start_new_session=True,
        )
        theirs.close()
        self._connection = ours
        self._reader = FrameReader()
        self._ready = False
        self._paused = False
        self._started_secs = time.monotonic()

    def _connected(self) -> socket.socket:
        if self._connection is None:
            raise MeasureError("this pool is closed")
        return self._connection

    def _receive(self, patience_secs: float | None) -> bool:
        """Take in what the server has sent; False when nothing came within the patience (None: until something does)."""
        connection = self._connected()
        if not self._ready and patience_secs is None:
            patience_secs = START_TIMEOUT_SECS
        readable, _, _ = select.select([connection], [], [], patience_secs)
        if not readable:
            if not self._ready and time.monotonic() - self._started_secs > START_TIMEOUT_SECS:
                self.close()
                raise MeasureError(f"the server for {self._settings.module} did not start within {START_TIMEOUT_SECS:.0f} s")
            return False
        try:
            data = connection.recv(CHUNK_BYTES)
        except OSError:
            data = b""
        if not data:
            self._lose_server()
            return True
        for frame in self._reader.feed(data):
            self._take(frame)
        return True

    def _take(self, frame: Frame) -> None:
        if "ready" in frame.header:
            self._ready = True
            return
        if "paused" in frame.header:
            self._paused = True
            return
        header = frame.header
        identity = int(header["id"])
        if identity not in self._in_flight:
            return
        self._in_flight.remove(identity)
        self._outcomes[identity] = Outcome(
            kind=OutcomeKind(header["outcome"]),
            text=str(header.get("text", "")),
            reply=header.get("reply", {}),
            blob=frame.blob,
            secs=float(header["secs"]),
            earlier=int(header["earlier"]),
        )

    def _lose_server(self) -> None:
        """The server has gone and its jobs with it: the next job starts another, unless this one has never been ready."""
        self._connected().close()
        self._connection = None
        self._log.seek(0)
        printed = self._log.read().decode(errors="replace").strip().rpartition("\n")[2]
        code = self._end_server(CLOSE_TIMEOUT_SECS)
        text = f"the server for {self._settings.module} ended with code {code}{': ' if printed else ''}{printed}"
        if not self._ready:
            self._in_flight.clear()
            raise MeasureError(text)
        for identity in self._in_flight:
            self._outcomes[identity] = Outcome(kind=OutcomeKind.DIED, text=text)
        self._in_flight.clear()

    def _end_server(self, patience_secs: float) -> int:
        try:
            code = self._server.wait(patience_secs)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                self._server.kill()
            code = self._server.wait()
        self._log.close()
        return code
