"""The Python owner of a native thread pool.

In: a number of threads. Out: the address that kernels take as their `tw_pool *`. Next: `executable.py`.
"""

import os
import weakref
from types import TracebackType

from compiler.runtime.native_runtime import NativeRuntime


class ThreadPool:
    """`threads` includes the caller of a kernel; the others start at the first parallel loop and end with `close()` or this object."""

    def __init__(self, threads: int, runtime: NativeRuntime) -> None:
        if threads < 1:
            raise ValueError(f"a pool needs at least one thread, not {threads}")
        self.threads = threads
        self.runtime = runtime
        address = runtime.pool_create(threads) if threads > 1 else None
        if threads > 1 and not address:
            raise MemoryError(f"no memory for a pool of {threads} threads")
        self.address = address
        self._close = weakref.finalize(self, _destroy, runtime, address, os.getpid())

    def close(self) -> None:
        """Ends the threads; no kernel may be running on the pool, and none may be started after it."""
        self._close()
        self.address = None

    def __enter__(self) -> "ThreadPool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _destroy(runtime: NativeRuntime, address: int | None, owner: int) -> None:
    if address and os.getpid() == owner:  # a forked child has the pool's memory but none of its threads
        runtime.pool_destroy(address)
