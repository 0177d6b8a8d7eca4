"""Copies of arrays between pages that nobody may touch, for kernels that must stay inside their buffers."""

import ctypes
import mmap
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ALIGNMENT_BYTES = 64
PROT_NONE, PROT_READ = 0, 1
PAGE = mmap.PAGESIZE


class Placement(StrEnum):
    """Where in its pages a buffer lies: at most 63 bytes stand between its end and a forbidden page, or none before its start."""

    END = "end"
    START = "start"


FILL = {Placement.END: 0xFF, Placement.START: 0x47}  # not-a-numbers; large numbers


class GuardedBuffer:
    """One 64-byte aligned buffer. What is not written, and the bytes around it, hold the placement's fill."""

    def __init__(self, dtype: np.dtype[Any], count: int, placement: Placement) -> None:
        size = dtype.itemsize * count
        self._body = -(-max(size, 1) // PAGE) * PAGE
        self._region = mmap.mmap(-1, self._body + 2 * PAGE)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._region))
        self._fill = FILL[placement]
        self._bytes = np.frombuffer(self._region, np.uint8, self._body, PAGE)
        self._bytes[:] = self._fill
        self._start = (self._body - size) // ALIGNMENT_BYTES * ALIGNMENT_BYTES if placement is Placement.END else 0
        self._end = self._start + size
        self.array: Array = self._bytes[self._start : self._end].view(dtype)
        for guard in (self._base, self._base + PAGE + self._body):
            _protect(guard, PAGE, PROT_NONE)

    @property
    def address(self) -> int:
        return self._base + PAGE + self._start

    def forbid_writes(self) -> None:
        _protect(self._base + PAGE, self._body, PROT_READ)

    def is_intact(self) -> bool:
        """Whether the bytes around the buffer still hold the fill."""
        return bool((self._bytes[: self._start] == self._fill).all() and (self._bytes[self._end :] == self._fill).all())


def _protect(address: int, size: int, protection: int) -> None:
    if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), protection) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")
