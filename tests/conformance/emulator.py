"""qemu-user and the C libraries of foreign machines: from the system, or from Debian's packages unpacked into the tests' cache folder.

`emulator(target)` gives what runs a program of that target here; raises `NoEmulator`, whose text says why and which command would help.
"""

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from compiler.target import Target
from tests.models.real_models import CACHE

FOLDER = CACHE / "qemu"
FETCH_SECS = 300
QEMU_PACKAGE = "qemu-user-static"

# By architecture: qemu's name of it, the package of its C library, and where that package puts it.
MACHINES = {
    "aarch64": ("aarch64", "libc6-arm64-cross", "usr/aarch64-linux-gnu"),
    "armv7": ("arm", "libc6-armhf-cross", "usr/arm-linux-gnueabihf"),
    "riscv64": ("riscv64", "libc6-riscv64-cross", "usr/riscv64-linux-gnu"),
}


class NoEmulator(Exception):
    """Why programs of a target cannot run here, and which command would change that."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """words: what stands before a program and its arguments."""

    words: tuple[str, ...]

    def run(self, words: Sequence[str | Path], timeout_secs: float = 600.0) -> "subprocess.CompletedProcess[str]":
        command = [*self.words, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_secs, check=False)


def emulator(target: Target) -> Emulator:
    """For a target of this machine's own architecture the program itself."""
    if target.arch == Target.parse("host").arch:
        return Emulator(())
    name, libc, folder = MACHINES[target.arch]
    help_text = f"`apt-get install {QEMU_PACKAGE} {libc}` would supply it"
    program = shutil.which(f"qemu-{name}-static") or shutil.which(f"qemu-{name}")
    root = Path("/", folder)
    if program and root.is_dir():
        return Emulator((program, "-L", str(root)))
    if platform.system() != "Linux" or not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise NoEmulator(f"no qemu for {target.arch}: {help_text}")
    unpacked = _unpacked(QEMU_PACKAGE, help_text) / "usr" / "bin" / f"qemu-{name}-static"
    return Emulator((str(unpacked), "-L", str(_unpacked(libc, help_text) / folder)))


def emulator_or_skip(target: Target) -> Emulator:
    try:
        return emulator(target)
    except NoEmulator as reason:
        pytest.skip(str(reason))


def _unpacked(package: str, help_text: str) -> Path:
    """The package's files below a folder, which is made once. Several processes may do so at once."""
    folder = FOLDER / package
    if folder.is_dir():
        return folder
    FOLDER.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{package}-", dir=FOLDER))
    try:
        _run(["apt-get", "download", package], work, help_text)
        (archive,) = work.glob("*.deb")
        _run(["dpkg-deb", "-x", archive.name, "files"], work, help_text)
        with suppress(OSError):  # another process was faster
            (work / "files").replace(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _run(words: Sequence[str], folder: Path, help_text: str) -> None:
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoEmulator(f"`{' '.join(words)}`: {error}; {help_text}") from None
    if done.returncode:
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NoEmulator(f"`{' '.join(words)}` failed: {last_line}; {help_text}")
