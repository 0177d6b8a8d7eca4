"""Processes that must not outlive what they were for: whatever a candidate forks ends up as a child of the daemon, and is ended there."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
END_SECS = 5.0
FIRST_LOOK_SECS = 50e-6  # bwrap leaves a dying process behind at every job: with looks every ms alone, each took 2 ms longer
LONGEST_LOOK_SECS = 2e-3


_LIBC = ctypes.CDLL(None)


def prctl(option: int, value: int) -> None:
    """Does nothing where the system has no such thing."""
    if sys.platform == "linux":
        _LIBC.prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """From now on, descendants whose parent ends become children of this process."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_children(spare: Collection[int], patience_secs: float = END_SECS) -> bool:
    """Kills and reaps all children of this process but `spare`, and theirs as they turn up. False: some cannot be ended."""
    deadline, look_secs = time.monotonic() + patience_secs, FIRST_LOOK_SECS
    while unwanted := [pid for pid in _children() if pid not in spare]:
        for pid in unwanted:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in unwanted:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return False
        time.sleep(look_secs)
        look_secs = min(LONGEST_LOOK_SECS, 2 * look_secs)
    return True


def _children() -> list[int]:
    """Zombies too, which have to be waited for."""
    own = os.getpid()
    try:
        return [int(pid) for pid in Path(f"/proc/{own}/task/{own}/children").read_text().split()]
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return [pid for pid in _all_processes() if _parent(pid) == own]


def _all_processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()] if os.path.isdir("/proc") else []


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return -1


def count_threads(user: int) -> int:
    """Of all processes of the user, as RLIMIT_NPROC counts them."""
    total = 0
    for pid in _all_processes():
        with suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == user:
                total += len(os.listdir(f"/proc/{pid}/task"))
    return total
