"""Compiled kernels on disk, so that nothing is compiled twice.

In: a key made from all that a kernel's code depends on. Out: its `Artifact`. Next: `compile_kernel.py`.

An entry is one file: the sha256 of the content, then the content. Files appear by an atomic rename, so any number of processes may share
the folder; an entry that is damaged counts as absent. A folder that cannot be written makes the cache useless, never wrong.
"""

import hashlib
import importlib.metadata
import os
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from compiler.codegen import Artifact
from compiler.errors import TilewrightError
from compiler.runtime import read_environment
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload, canonical_json

CACHE_FORMAT = 1
DIGEST_BYTES = 32
MAX_BYTES = 1 << 30
SWEEP_EVERY_BYTES = 64 << 20
COMPILER_FOLDER = Path(__file__).parent.parent
CODE_FOLDERS = ("te", "loop_ir", "schedule", "ops", "lower", "codegen")
CODE_FILES = ("workload.py", "target.py", "tensor_type.py")


@cache
def code_version() -> str:
    """sha256 of the sources that turn a workload and a schedule into code, and the version of llvmlite."""
    digest = hashlib.sha256(importlib.metadata.version("llvmlite").encode())
    sources = [COMPILER_FOLDER / name for name in CODE_FILES]
    for folder in CODE_FOLDERS:
        sources += (COMPILER_FOLDER / folder).rglob("*.py")
    for source in sorted(sources):
        digest.update(source.relative_to(COMPILER_FOLDER).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def kernel_key(workload: Workload, schedule: Schedule, target: Target) -> str:
    """sha256, as hex, of everything that the kernel's code depends on."""
    parts = [CACHE_FORMAT, code_version(), str(target), schedule.to_json(), workload.canonical]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


class ObjectCache:
    """Artifacts by key; the least recently used ones go when there are more than max_bytes. Any thread may call."""

    def __init__(self, folder: Path | None = None, max_bytes: int = MAX_BYTES) -> None:
        """folder: `objects` in the user's cache folder unless named."""
        self.folder = folder or read_environment().cache_folder / "objects"
        self.max_bytes = max_bytes
        self._unswept_bytes = SWEEP_EVERY_BYTES  # the first write sweeps
        self._sweeping = threading.Lock()

    def get(self, key: str) -> Artifact | None:
        path = self._path(key)
        try:
            data = path.read_bytes()
            content = data[DIGEST_BYTES:]
            if hashlib.sha256(content).digest() != data[:DIGEST_BYTES]:
                return None
            artifact = Artifact.from_bytes(content)
        except (OSError, TilewrightError, ValueError, KeyError, TypeError):
            return None
        with suppress(OSError):
            os.utime(path)
        return artifact

    def put(self, key: str, artifact: Artifact) -> None:
        content = artifact.to_bytes()
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(file.name, path)
        except OSError:
            return
        self._sweep(len(content))

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _sweep(self, written_bytes: int) -> None:
        """Now and then: removes what was used longest ago, down to three quarters of the bound."""
        with self._sweeping:
            self._unswept_bytes += written_bytes
            if self._unswept_bytes < min(SWEEP_EVERY_BYTES, self.max_bytes // 4):
                return
            self._unswept_bytes = 0
            entries: list[tuple[float, int, Path]] = []
            with suppress(OSError):
                for path in self.folder.glob("*/*"):
                    with suppress(OSError):
                        stat = path.stat()
                        entries.append((stat.st_mtime, stat.st_size, path))
            total = sum(size for _, size, _ in entries)
            if total <= self.max_bytes:
                return
            for _, size, path in sorted(entries):
                if total <= self.max_bytes * 3 // 4:
                    return
                with suppress(OSError):
                    path.unlink()
                total -= size
