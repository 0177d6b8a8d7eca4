"""Debian's packages, fetched and unpacked below a folder without being installed: neither root nor a change of this machine is needed.

apt does it, with an index and a state of its own, and checks every file's checksum. In: names. Out: folders. Raises `NoPackages`.
"""

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FETCH_SECS = 300
INDEX_SECS = 120
PATIENCE = {"Acquire::Retries": "2", "Acquire::http::Timeout": "20"}


class NoPackages(Exception):
    """Why there are none: the command that failed, and what it said last."""


@dataclass(frozen=True, slots=True)
class PackageSource:
    """Debian's packages for an architecture, "" for this machine's. folder: where the index is kept meanwhile."""

    folder: Path
    architecture: str = ""

    def download(self, packages: Sequence[str]) -> list[Path]:
        """The packages alone, by this machine's own index if it has one that names them."""
        archives = self._archives()
        if not self.architecture:
            with suppress(NoPackages):
                run([*_apt_get(PATIENCE), "download", *packages], archives)
                return sorted(archives.glob("*.deb"))
        self._update()
        run([*self._apt(), "download", *packages], archives)
        return sorted(archives.glob("*.deb"))

    def download_with_dependencies(self, packages: Sequence[str]) -> list[Path]:
        self._update()
        run([*self._apt(), "install", "--yes", "--no-install-recommends", "--download-only", *packages], self.folder)
        return sorted(self._archives().glob("*.deb"))

    def _archives(self) -> Path:
        archives = self.folder / "cache" / "archives"
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        return archives

    def _update(self) -> None:
        """Of several sources one may be out of reach: what is missing in the end, later commands tell."""
        lists = self.folder / "state" / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        self._archives()
        problem = "`apt-get update` fetched no index of packages"
        try:
            run([*self._apt(), "update"], self.folder, secs=INDEX_SECS)
        except NoPackages as error:
            problem = str(error)
        if not any(lists.glob("*Packages*")):
            raise NoPackages(problem)

    def _apt(self) -> list[str]:
        settings = {
            **PATIENCE,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
            "Dir::State": f"{self.folder}/state",
            "Dir::State::status": f"{self.folder}/status",
            "Dir::Cache": f"{self.folder}/cache",
        }
        if self.architecture:
            settings |= {"APT::Architecture": self.architecture, "APT::Architectures": self.architecture}
        return _apt_get(settings)


def _apt_get(settings: Mapping[str, str]) -> list[str]:
    return ["apt-get", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]


def unpack(archives: Sequence[Path], folder: Path) -> None:
    for archive in archives:
        run(["dpkg-deb", "-x", str(archive), str(folder)], folder.parent)


@contextmanager
def making(folder: Path) -> Iterator[Path | None]:
    """A working folder beside `folder`, which the caller is to make by renaming; None if it is there. One process at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            yield None
            return
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def run(words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None, secs: float = FETCH_SECS) -> None:
    """Raises `NoPackages`."""
    command = " ".join(word for word in words if word != "-o" and "::" not in word)
    try:
        done = subprocess.run(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=secs, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoPackages(f"`{command}`: {error}") from None
    if done.returncode:
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NoPackages(f"`{command}` failed: {last_line}")
