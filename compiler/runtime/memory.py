"""Aligned buffers: what kernels read and write.

In: a size or a shape. Out: numpy arrays whose data starts at a multiple of `ALIGNMENT`.
Next: `executable.py`, `compiler/driver/loaded_kernel.py`.
"""

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.tensor_type import TensorType

ALIGNMENT = 64
HUGE_PAGE = 2 << 20


def align_up(size: int, alignment: int = ALIGNMENT) -> int:
    return -(-size // alignment) * alignment


def allocate_bytes(size: int) -> NDArray[np.uint8]:
    """Zeroed bytes, aligned; from 2 MiB on by huge pages where the system gives them (fewer TLB misses while weights stream)."""
    if size < HUGE_PAGE:
        block = np.zeros(size + ALIGNMENT, np.uint8)
        return _aligned(block, size, ALIGNMENT)
    area = mmap.mmap(-1, align_up(size, HUGE_PAGE) + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared ones get none
    if hasattr(mmap, "MADV_HUGEPAGE"):
        area.madvise(mmap.MADV_HUGEPAGE)
    return _aligned(np.frombuffer(area, np.uint8), size, HUGE_PAGE)


def _aligned(block: NDArray[np.uint8], size: int, alignment: int) -> NDArray[np.uint8]:
    skip = -block.ctypes.data % alignment
    return block[skip : skip + size]


def empty_array(kind: TensorType) -> NDArray[Any]:
    """An aligned array with undefined contents."""
    size = kind.size_bytes
    block = np.empty(size + ALIGNMENT, np.uint8)
    return _aligned(block, size, ALIGNMENT).view(kind.dtype).reshape(kind.shape)


def aligned_copy(array: NDArray[Any]) -> NDArray[Any]:
    """The array in native byte order, dense and aligned: the array itself where it already is."""
    if is_aligned(array) and array.dtype.isnative:
        return array
    copy = empty_array(TensorType(array.shape, array.dtype.newbyteorder("=")))
    copy[...] = array
    return copy


def is_aligned(array: NDArray[Any]) -> bool:
    """Dense, row-major, and at an address that kernels accept."""
    return not array.size or (bool(array.flags.c_contiguous) and array.ctypes.data % ALIGNMENT == 0)
