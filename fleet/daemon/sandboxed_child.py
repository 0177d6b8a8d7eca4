"""One sandboxed child: fork, limits, exec; what it writes, how it ends, and that nothing of it is left. Used by `supervisor.py`.

In: a `ChildCommand`. Out: `ChildEnding`. The supervisor has one thread, so forking is safe.
"""

import os
import resource
import signal
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from typing import Any

from fleet.daemon.processes import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, count_threads, prctl
from fleet.daemon.sandbox import ChildCommand, Limits
from fleet.messages import MAX_STDIN_BYTES, Ending

READ_BYTES = 1 << 16
MAX_OUTPUT_BYTES = MAX_STDIN_BYTES
COUNT_SECS = 30.0
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "MALLOC_ARENA_MAX": "1"}  # arenas would take address space, which is limited
CANNOT_START = 126


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnding:
    ending: Ending
    code: int
    text: str
    output: bytes
    errors: bytes
    secs: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"output": self.output.hex(), "errors": self.errors.hex()}


@dataclass(slots=True)
class ThreadCounts:
    """How many threads a user has, looked at now and then: a look takes milliseconds on a small board."""

    counted_at: float = float("-inf")
    known: int = 0

    def of(self, user: int) -> int:
        now = time.monotonic()
        if now - self.counted_at > COUNT_SECS:
            self.counted_at, self.known = now, count_threads(user)
        return self.known


@dataclass(slots=True, eq=False)
class SandboxedChild:
    """outputs: the reading ends of its standard output and error, while they are open, with what came of them."""

    pid: int
    command: ChildCommand
    outputs: dict[int, bytearray]
    order: tuple[int, int]
    started: float
    reason: str = ""
    reaped: bool = False

    @property
    def deadline(self) -> float:
        return self.started + self.command.timeout_secs

    def read(self, descriptor: int) -> bool:
        """Takes what there is; False when that was the end, or too much."""
        data = os.read(descriptor, READ_BYTES)
        self.outputs[descriptor] += data
        if len(self.outputs[descriptor]) > MAX_OUTPUT_BYTES:
            del self.outputs[descriptor][MAX_OUTPUT_BYTES:]
            self.kill("wrote more than is allowed to its output")
            return False
        return bool(data)

    def kill(self, reason: str) -> None:
        """Itself and its group, which it does not have yet right after the fork."""
        self.reason = self.reason or reason
        if not self.reaped:
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Its pipes."""
        for descriptor in self.order:
            os.close(descriptor)

    def ending(self, status: int) -> ChildEnding:
        """After it was waited for. Closes its pipes."""
        for descriptor in self.order:
            with suppress(OSError):
                os.set_blocking(descriptor, False)
                while self.read(descriptor):
                    pass
        self.close()
        code = os.waitstatus_to_exitcode(status)
        if self.command.in_bwrap and code > 128:
            code = 128 - code
        if self.reason == "timeout":
            ending, text = Ending.TIMEOUT, f"killed after {time.monotonic() - self.started:.1f} s"
        elif code < 0 or self.reason:
            ending, text = Ending.KILLED, self.reason or describe_signal(-code)
        else:
            ending, text = Ending.EXITED, f"exited with code {code}"
        output, errors = (bytes(self.outputs[descriptor]) for descriptor in self.order)
        return ChildEnding(ending=ending, code=abs(code), text=text, output=output, errors=errors, secs=time.monotonic() - self.started)


def describe_signal(number: int) -> str:
    name = signal.Signals(number).name if number in {int(known) for known in signal.Signals} else f"signal {number}"
    return f"killed by {name}{' (out of memory?)' if number == signal.SIGKILL else ''}"


def start_child(command: ChildCommand, counts: ThreadCounts) -> SandboxedChild:
    """Raises OSError where no child can be made; one that cannot start its program exits with 126 and says why."""
    user = command.limits.user if command.limits.user is not None else os.getuid()
    threads = counts.of(user) + command.limits.threads
    with ExitStack() as on_failure, tempfile.TemporaryFile() as stdin:
        output, output_end = _open_pipe(on_failure)
        errors, errors_end = _open_pipe(on_failure)
        stdin.write(command.stdin)
        stdin.seek(0)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(command, threads, (stdin.fileno(), output_end, errors_end), parent)
        on_failure.pop_all()
    os.close(output_end)
    os.close(errors_end)
    return SandboxedChild(pid, command, {output: bytearray(), errors: bytearray()}, (output, errors), time.monotonic())


def _open_pipe(on_failure: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        on_failure.callback(os.close, end)
    return ends


def _become(command: ChildCommand, threads: int, streams: tuple[int, int, int], parent: int) -> None:
    """In the child: never returns."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        for target, source in enumerate(streams):
            os.dup2(source, target)
        os.closerange(3, 1024)
        _limit(command.limits, threads)
        if command.limits.user is not None:
            os.setgroups([])
            os.setresgid(*[command.limits.user] * 3)
            os.setresuid(*[command.limits.user] * 3)
        os.chdir(command.folder)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if not command.in_bwrap:
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        if os.getppid() == parent:
            os.execve(command.words[0], list(command.words), ENVIRONMENT)
    except BaseException as error:  # noqa: BLE001 - the child ends here whatever happened, and tells why
        os.write(2, f"cannot start {command.words[0]}: {error}\n".encode())
    finally:
        os._exit(CANNOT_START)


def _limit(limits: Limits, threads: int) -> None:
    chosen = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits.cpu_secs,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_NPROC: threads,
    }
    if limits.address_bytes:
        chosen[resource.RLIMIT_AS] = limits.address_bytes
    for kind, value in chosen.items():
        _, most = resource.getrlimit(kind)
        bound = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (bound, bound))
