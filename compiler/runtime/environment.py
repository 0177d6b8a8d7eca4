"""Every environment variable that Tilewright reads, in one typed place.

In: the process environment. Out: an `Environment`. Next: `toolchain.py`, `native_runtime.py`, `compiler/driver/object_cache.py`.
"""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    """cache_folder: TILEWRIGHT_CACHE_DIR, else $XDG_CACHE_HOME/tilewright, else ~/.cache/tilewright; may not exist, may not be writable.

    c_compiler: TILEWRIGHT_CC as words ("zig cc -target ..."); empty to look for one.
    """

    cache_folder: Path
    c_compiler: tuple[str, ...]


def read_environment() -> Environment:
    chosen = os.environ.get("TILEWRIGHT_CACHE_DIR")
    shared = os.environ.get("XDG_CACHE_HOME")
    folder = Path(chosen) if chosen else Path(shared or Path.home() / ".cache") / "tilewright"
    return Environment(folder, tuple(shlex.split(os.environ.get("TILEWRIGHT_CC", ""))))


def child_environment(search_path: list[str]) -> dict[str, str]:
    """The environment of a child Python that must import the same packages as this process, one thread per library."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in search_path)}
