"""qemu-user and the C libraries of foreign machines: from the system, or from Debian's packages unpacked into the tests' cache folder.

`emulator(target)` gives what runs a program of that target here; raises `NoEmulator`, whose text says why and which command would help.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from compiler.target import Target
from tests.conformance.debian_packages import NoPackages, PackageSource, making, unpack
from tests.models.real_models import CACHE

FOLDER = CACHE / "qemu"
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
    program = shutil.which(f"qemu-{name}-static") or shutil.which(f"qemu-{name}")
    root = Path("/", folder)
    if program and root.is_dir():
        return Emulator((program, "-L", str(root)))
    try:
        unpacked = _unpacked(QEMU_PACKAGE) / "usr" / "bin" / f"qemu-{name}-static"
        return Emulator((str(unpacked), "-L", str(_unpacked(libc) / folder)))
    except NoPackages as error:
        raise NoEmulator(f"no qemu for {target.arch}: {error}; `apt-get install {QEMU_PACKAGE} {libc}` would supply it") from None


def emulator_or_skip(target: Target) -> Emulator:
    try:
        return emulator(target)
    except NoEmulator as reason:
        pytest.skip(str(reason))


def _unpacked(package: str) -> Path:
    """The package's files below a folder, which is made once."""
    folder = FOLDER / package
    if not folder.is_dir():
        with making(folder) as work:
            if work is not None:
                unpack(PackageSource(work).download([package]), work / "files")
                (work / "files").replace(folder)
    return folder
