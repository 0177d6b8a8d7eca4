"""Memory that stands for the weights of a whole model, so that a timed call finds its own as cold as it would there.

In: how many bytes. Out: a place for the weights of one call after the other. Used by `loaded_kernel.py`.
"""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from compiler.runtime import align_up, allocate_bytes

_BLOCK = 1 << 20
# In any order, and from any of them on: small positive numbers as floats of two, four or eight bytes, as the parts of narrow ones, and in
# fixed point.
_BYTES = (0x3C, 0x3D)


class ColdMemory:
    """Holds numbers, but nobody's weights: what takes them for weights takes as long, and computes nothing of use.

    It is written once, for many kernels, and taken in a circle: neither the last kernel nor this one has read the next place since all
    others were read. Copies of a kernel's own weights, written just before it is timed, would lie in the cache: streams of 25 MB then ran
    at 80 GB/s on a machine on which they run at 45 within a model (Zen 5, 32 MiB of cache).
    """

    def __init__(self, size_bytes: int) -> None:
        self._memory = allocate_bytes(size_bytes)
        block = np.random.default_rng(0).choice(np.array(_BYTES, np.uint8), min(_BLOCK, size_bytes))
        for start in range(0, size_bytes, _BLOCK):
            self._memory[start : start + _BLOCK] = block[: size_bytes - start]
        self._next = 0

    @property
    def size_bytes(self) -> int:
        return len(self._memory)

    def take(self, size_bytes: int) -> int:
        """The address of so many bytes, those that were taken longest ago; no more than there are."""
        if self._next + size_bytes > len(self._memory):
            self._next = 0
        address: int = self._memory.ctypes.data + self._next
        self._next += align_up(size_bytes)
        return address


class ColdWeights:
    """The parameters of a kernel's timed calls: another place in the memory for its weights in each."""

    def __init__(self, memory: ColdMemory, params: "ctypes.Array[Any]", sizes_bytes: Mapping[int, int]) -> None:
        """params: the addresses of all parameters, which are copied. sizes_bytes: of the weights, by their position there."""
        self._memory = memory
        self._params = type(params)(*params)
        self._offsets: list[tuple[int, int]] = []
        self._size_bytes = 0
        for position, size_bytes in sizes_bytes.items():
            self._offsets.append((position, self._size_bytes))
            self._size_bytes += align_up(size_bytes)

    def next_params(self) -> int:
        """The address of the parameters, until the next call."""
        start = self._memory.take(self._size_bytes)
        for position, offset in self._offsets:
            self._params[position] = start + offset
        return ctypes.addressof(self._params)
