"""One killable child: a fork of its server, in a session of its own, with limits, that answers jobs until it is ended.

The server (`measure/child_server.py`) makes and ends them. What a child prints, LLVM's last words included, is kept in memory and joins
the text of its death.
"""

import ctypes
import os
import resource
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from measure.frames import Frame, FrameReader, receive_frame

PR_SET_PDEATHSIG = 1
LOG_TAIL_BYTES = 1500
MAX_FILE_BYTES = 1 << 26  # what a child may write to one file: its log, mostly

Handler = Callable[[Frame], Frame]


@dataclass(slots=True, eq=False)
class ChildProcess:
    """The server's view: the socket that it talks through, and the job that the child is at. place: which of the server's workers it is."""

    pid: int
    place: int
    connection: socket.socket
    log: IO[bytes]
    reader: FrameReader = field(default_factory=FrameReader)
    job: int | None = None
    started_secs: float = 0.0
    deadline_secs: float = 0.0
    jobs_done: int = 0

    def end(self) -> str:
        """Kill the child's whole session, reap it, and say in words how it died; what it printed follows."""
        self.signal(signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        self.connection.close()
        printed = self._log_tail()
        self.log.close()
        return f"{_describe_death(status)}{': ' if printed else ''}{printed}"

    def signal(self, number: signal.Signals) -> None:
        """To the child and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _log_tail(self) -> str:
        size = os.fstat(self.log.fileno()).st_size
        data = os.pread(self.log.fileno(), LOG_TAIL_BYTES, max(0, size - LOG_TAIL_BYTES))
        return data.decode(errors="replace").replace("\0", "").strip()


def _describe_death(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exited with code {code} before it answered"
    name = signal.Signals(-code).name if -code in {int(known) for known in signal.Signals} else f"signal {-code}"
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"killed by {name}{hint}"


def fork_child(
    handle: Handler,
    memory_bytes: int | None,
    close_in_child: Iterable[socket.socket],
    place: int = 0,
    cores: Sequence[int] = (),
) -> ChildProcess:
    """A child that answers frames with `handle`; it must not see the server's other connections, `close_in_child`.

    cores: those that it may run on, as far as the system lets it choose; empty: all.
    """
    ours, theirs = socket.socketpair()
    log = memory_file()
    server = os.getpid()
    pid = os.fork()
    if pid:
        theirs.close()
        return ChildProcess(pid, place, ours, log)
    code = 1
    try:
        os.setsid()
        for other in (ours, *close_in_child):
            other.close()
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        _limit(memory_bytes)
        _die_with(server)
        pin(cores)
        _serve(theirs, handle)
        code = 0
    except BaseException:  # noqa: BLE001 - the child ends here whatever happened, and its log tells the server why
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def memory_file() -> IO[bytes]:
    """A file that needs no disk where the system has such files."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("tilewright-child"), "r+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def pin(cores: Sequence[int]) -> None:
    """This process, from now on, on these cores only; where that is refused or unknown it stays where it is. Empty: no change."""
    if cores and hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            os.sched_setaffinity(0, cores)


def _limit(memory_bytes: int | None) -> None:
    """At most `memory_bytes` of address space beyond what the server already has; no core dumps, no endless logs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = MAX_FILE_BYTES if most == resource.RLIM_INFINITY else min(MAX_FILE_BYTES, most)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    if memory_bytes is None or sys.platform != "linux":
        return
    with open("/proc/self/statm", encoding="ascii") as statm:
        held = int(statm.read().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = held + memory_bytes if most == resource.RLIM_INFINITY else min(held + memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _die_with(server: int) -> None:
    """Ask the kernel to end this child when its server ends; the server has one thread, so the request holds for its whole life."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server:
        os._exit(1)


def _serve(connection: socket.socket, handle: Handler) -> None:
    """Answer jobs until the server hangs up. An exception is an answer too: this is a process boundary."""
    while (job := receive_frame(connection)) is not None:
        try:
            reply = handle(job)
            answer = Frame({"outcome": "done", "reply": reply.header}, reply.blob)
        except MemoryError as error:
            answer = Frame({"outcome": "died", "text": f"out of memory: {error}".rstrip(": ")})
        except Exception as error:  # noqa: BLE001 - the process boundary: every error becomes text
            answer = Frame({"outcome": "raised", "text": _describe_error(error)})
        connection.sendall(answer.encode())


def _describe_error(error: Exception) -> str:
    """One line: the kind, the text, and where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(place.filename)}:{place.lineno})"
