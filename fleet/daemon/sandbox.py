"""What a candidate may see and use. In: a job's program and files. Out: a command line with limits, for `sandboxed_child.py`.

`bwrap`: a file system of its own (system libraries and the job's files, read only; a small /tmp), no network, no sight of other processes,
and whatever it starts ends with it. `rlimit`: limits only, where bubblewrap does not work. As nobody, if the daemon is root.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fleet.errors import FleetError

KINDS = ("auto", "bwrap", "rlimit")
NOBODY = 65534
FILE_BYTES = 16 << 20
OPEN_FILES = 64
THREADS = 64  # and processes, beyond those that the user has already
STACK_BYTES = 16 << 20  # of a thread of the runtime's pool
LIBRARY_BYTES = 64 << 20  # address space of the C library and the candidate's code
SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/sys/devices/system/cpu")
TRIAL_SECS = 10.0
WORK_FOLDER = "/work"
PROGRAM_NAME = "program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """address_bytes: 0 for no limit. user: to run as; None: as the daemon."""

    address_bytes: int
    cpu_secs: int
    file_bytes: int = FILE_BYTES
    open_files: int = OPEN_FILES
    threads: int = THREADS
    user: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildCommand:
    """folder: the working folder. stdin: what the program reads. in_bwrap: exit codes above 128 are then signals of the program."""

    words: tuple[str, ...]
    folder: str
    stdin: bytes
    timeout_secs: float
    limits: Limits
    in_bwrap: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"stdin": self.stdin.hex()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "ChildCommand":
        changed = {"words": tuple(data["words"]), "stdin": bytes.fromhex(data["stdin"]), "limits": Limits(**data["limits"])}
        return ChildCommand(**dict(data) | changed)


class Sandbox:
    """kind: "bwrap" or "rlimit". folder: where the working folders of jobs are made. run_with: the words before each program."""

    def __init__(self, kind: str, folder: Path, run_with: Sequence[str] = ()) -> None:
        self.kind = kind
        self._folder = folder
        self._words = (*run_with, f"./{PROGRAM_NAME}")
        self._user = NOBODY if os.getuid() == 0 else None
        self._bwrap = shutil.which("bwrap") or "bwrap"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o755)

    def command(
        self, program: Path, files: Mapping[str, Path], stdin: bytes, timeout_secs: float, memory_bytes: int, cores: int
    ) -> ChildCommand:
        """The folder of the command is removed by `clean`."""
        address_bytes = memory_bytes + STACK_BYTES * cores + LIBRARY_BYTES if memory_bytes else 0
        limits = Limits(address_bytes=address_bytes, cpu_secs=int(timeout_secs * cores) + 2, user=self._user)
        places = {PROGRAM_NAME: program, **files}
        if self.kind == "bwrap":
            folder, words = "/", self._bwrap_words(places)
        else:
            folder, words = self._work_folder(places), self._words
        return ChildCommand(
            words=words, folder=folder, stdin=stdin, timeout_secs=timeout_secs, limits=limits, in_bwrap=self.kind == "bwrap"
        )

    def clean(self) -> None:
        """Removes what the last job left."""
        for entry in self._folder.iterdir():
            shutil.rmtree(entry, ignore_errors=True)

    def _bwrap_words(self, places: Mapping[str, Path]) -> tuple[str, ...]:
        words = [self._bwrap, "--unshare-all", "--new-session", "--die-with-parent", "--proc", "/proc", "--dev", "/dev"]
        for folder in SYSTEM_FOLDERS:
            if os.path.islink(folder):
                words += ["--symlink", os.readlink(folder), folder]
            else:
                words += ["--ro-bind-try", folder, folder]
        words += ["--size", str(FILE_BYTES), "--tmpfs", "/tmp"]
        for name, path in places.items():
            words += ["--ro-bind", str(path), f"{WORK_FOLDER}/{name}"]
        return (*words, "--remount-ro", "/", "--chdir", WORK_FOLDER, *self._words)

    def _work_folder(self, places: Mapping[str, Path]) -> str:
        folder = self._folder / "job"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o755)
        for name, path in places.items():
            (folder / name).symlink_to(path)
        return str(folder)


def choose_kind(wanted: str) -> str:
    """`auto` takes bubblewrap where it works. Raises `FleetError` where what is wanted does not work."""
    if wanted not in KINDS:
        raise FleetError(f"unknown sandbox {wanted!r}; known: {', '.join(KINDS)}")
    if wanted == "rlimit":
        return "rlimit"
    problem = _bwrap_problem()
    if problem and wanted == "bwrap":
        raise FleetError(
            f"the sandbox bwrap does not work here: {problem}; install bubblewrap, or use --sandbox rlimit, which isolates less"
        )
    return "rlimit" if problem else "bwrap"


def _bwrap_problem() -> str:
    """Empty where it works."""
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "/bin/true"]
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=TRIAL_SECS, check=False, cwd="/", **user)  # type: ignore[call-overload] # the keywords are Popen's
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else str(done.stderr).strip() or f"exit code {done.returncode}"
