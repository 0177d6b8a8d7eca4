"""Userlands of boards: Debian's packages for ARM, with Python and what the device daemon needs, unpacked and run by qemu-user.

    python -m tests.fleet.userland [armhf|arm64 ...]        fetches them, both by default, and says where they are

`userland("armhf")` gives one. It is fetched once: an index of 9 MB and packages of 18 MB. What is pure Python, Dask above all, is copied
from this environment, as it is what the daemon's own distribution would install. Raises `NoUserland`, whose text says why and which command
would help. Used by `test_userland.py`.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from compiler.target import Target
from tests.conformance.debian_packages import NoPackages, PackageSource, making, run, unpack
from tests.conformance.emulator import NoEmulator, emulator
from tests.models.real_models import CACHE

FOLDER = CACHE / "userlands"
ROOT = Path(__file__).parents[2]
HELP = "`make userland` fetches it, on Debian, where Debian's packages can be reached"
LAYOUT = 1  # of the folders that are made here

PACKAGES = ("python3", "python3-msgpack", "python3-tornado", "python3-psutil", "python3-yaml")
FROM_DEBIAN = {"msgpack", "tornado", "psutil", "pyyaml"}
TARGETS = {"armhf": "pi3b-32", "arm64": "pi3b-64"}
CPU_OPTIONS = {"armhf": (), "arm64": ("-cpu", "cortex-a53")}  # qemu-arm has no Cortex-A53

# Named as what Python starts its children by: one that it finds beside its library, and that this machine's kernel can start.
PYTHON = """#!/bin/sh
PYTHONNOUSERSITE=1 exec {emulator} -0 "$0" -L "${{0%/usr/bin/*}}" "${{0%/*}}/python3" "$@"
"""


class NoUserland(Exception):
    """Why there is none, and which command would change that."""


@dataclass(frozen=True, slots=True)
class Userland:
    """folder: its root. emulator: the words that run a program of its machine, without those that say where its libraries are."""

    architecture: str
    folder: Path
    emulator: tuple[str, ...]

    @property
    def target(self) -> str:
        return TARGETS[self.architecture]

    @property
    def python(self) -> Path:
        """Runs here as any program does, and so do the children that it starts as `sys.executable`."""
        return self.folder / "usr" / "bin" / "python"

    @property
    def packages(self) -> Path:
        """For PYTHONPATH."""
        return self.folder / "packages"

    def launcher(self, folder: Path) -> tuple[str, ...]:
        """Words that run a program of its machine for any user: the emulator and the C library are copied to where all can read them."""
        (folder / "lib").mkdir(mode=0o755)
        program = shutil.copy(self.emulator[0], folder / "emulator")
        for library in (self.folder / "lib").iterdir():
            _copy(library, folder / "lib" / library.name)
        return (str(program), *self.emulator[1:], "-L", str(folder))


def userland(architecture: str) -> Userland:
    """Several processes may ask for it at once."""
    try:
        words = emulator(Target.parse(TARGETS[architecture])).words[:1]
    except NoEmulator as error:
        raise NoUserland(str(error)) from None
    if not words:
        raise NoUserland(f"this machine runs {architecture} itself, so that its own daemon is what the other tests of the fleet run")
    words += CPU_OPTIONS[architecture]
    pure = dict(_pure_packages())
    recipe = repr((LAYOUT, PACKAGES, words, sorted((name, each.version) for name, each in pure.items())))
    folder = FOLDER / f"{architecture}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    made = Userland(architecture, folder, words)
    if not folder.is_dir():
        try:
            with making(folder) as work:
                if work is not None:
                    _make(Userland(architecture, work / "root", words), pure, work)
                    (work / "root").replace(folder)
        except NoPackages as error:
            raise NoUserland(f"no Debian for {architecture}: {error}; {HELP}") from None
    return made


def userland_or_skip(architecture: str) -> Userland:
    try:
        return userland(architecture)
    except NoUserland as reason:
        pytest.skip(str(reason))


def _make(made: Userland, pure: Mapping[str, metadata.Distribution], work: Path) -> None:
    unpack(PackageSource(work, made.architecture).download_with_dependencies(PACKAGES), made.folder)
    made.python.write_text(PYTHON.format(emulator=" ".join(made.emulator)))
    made.python.chmod(0o755)
    for distribution in pure.values():
        for file in distribution.files or ():
            if ".." not in file.parts and file.suffix not in (".so", ".pyc"):
                _copy(Path(str(distribution.locate_file(file))), made.packages / file)
    environment = {**os.environ, "PYTHONPATH": f"{made.packages}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": ""}
    run([str(made.python), "-c", "import fleet.daemon.agent"], ROOT, environment)  # translates what it needs, once


def _pure_packages() -> Iterator[tuple[str, metadata.Distribution]]:
    """Dask's `distributed` and what it needs, as far as Debian's packages do not supply it."""
    found: set[str] = set()
    wanted = ["distributed"]
    while wanted:
        name = wanted.pop()
        if name in found | FROM_DEBIAN:
            continue
        found.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise NoUserland(f"{name} is not installed here, from where it would be copied: pip install 'tilewright[fleet]'") from None
        yield name, distribution
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(re.sub(r"[-_.]+", "-", requirement.name).lower())


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, destination, symlinks=True)
    else:
        shutil.copy(source, destination, follow_symlinks=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet.userland", description="Fetch userlands of boards for the tests.")
    parser.add_argument("architectures", nargs="*", choices=tuple(TARGETS), default=tuple(TARGETS))
    try:
        for architecture in parser.parse_args().architectures:
            sys.stdout.write(f"{architecture}: {userland(architecture).folder}\n")
    except NoUserland as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
