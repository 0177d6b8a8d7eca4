"""The native runtime in this process: built once per user and compiler, then loaded.

In: `native/*.c` and a `Toolchain`. Out: `NativeRuntime`, its functions as ctypes callables. Next: `thread_pool.py`.
"""

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compiler.errors import ToolchainError
from compiler.runtime.environment import read_environment
from compiler.runtime.toolchain import C_FLAGS, Toolchain, find_toolchain

NATIVE_FOLDER = Path(__file__).parent / "native"
RUNTIME_SOURCES = (NATIVE_FOLDER / "thread_pool.c",)
RUNTIME_HEADERS = (NATIVE_FOLDER / "tilewright_runtime.h",)
RUNTIME_SYMBOLS = ("tw_pool_create", "tw_pool_destroy", "tw_pool_threads", "tw_parallel_for", "tw_clock_secs", "tw_time_calls")

PoolCreate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int32)
PoolDestroy = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
TimeCalls = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


@dataclass(frozen=True, slots=True)
class NativeRuntime:
    """pool_create(threads) -> address; pool_destroy(address); time_calls(kernel, params, pool, number) -> mean seconds.

    symbols: the address of each function that generated code may call, for linking it into this process.
    """

    pool_create: Callable[[int], int | None]
    pool_destroy: Callable[[int], None]
    time_calls: Callable[[int, int, int | None, int], float]
    symbols: dict[str, int]


def build_runtime_library(toolchain: Toolchain, folder: Path) -> Path:
    """The runtime as a shared library in `folder`, built if it is not there yet. Several processes may do so at once."""
    digest = hashlib.sha256("\0".join((toolchain.identity, *C_FLAGS)).encode())
    for source in (*RUNTIME_SOURCES, *RUNTIME_HEADERS):
        digest.update(source.read_bytes())
    library = folder / f"libtilewright_runtime_{digest.hexdigest()[:16]}.so"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".so", dir=folder)
    os.close(handle)
    built = Path(name)
    try:
        toolchain.link_shared(RUNTIME_SOURCES, built)
        built.replace(library)
    finally:
        built.unlink(missing_ok=True)
    return library


@cache
def native_runtime() -> NativeRuntime:
    """The runtime of this process; its symbols are visible to code that is loaded later."""
    toolchain = find_toolchain()
    try:
        return _load(build_runtime_library(toolchain, read_environment().cache_folder))
    except OSError:
        # The cache folder cannot be written or holds a damaged library: a private copy, gone once it is loaded.
        with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
            return _load(build_runtime_library(toolchain, Path(folder)))


def _load(path: Path) -> NativeRuntime:
    library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    return NativeRuntime(
        PoolCreate(("tw_pool_create", library)),
        PoolDestroy(("tw_pool_destroy", library)),
        TimeCalls(("tw_time_calls", library)),
        {name: _address(library, name) for name in RUNTIME_SYMBOLS},
    )


def _address(library: Any, name: str) -> int:
    address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    if address is None:
        raise ToolchainError(f"the native runtime has no function {name}")
    return address
