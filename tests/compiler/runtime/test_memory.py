"""Aligned buffers."""

import numpy as np
import pytest

from compiler.runtime import ALIGNMENT, aligned_copy, allocate_bytes, empty_array, is_aligned
from compiler.tensor_type import TensorType


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000, (2 << 20) - 1, 2 << 20, 5 << 20])
def test_allocated_bytes_are_zero_aligned_and_writable(size: int) -> None:
    block = allocate_bytes(size)
    assert block.shape == (size,)
    assert size == 0 or block.ctypes.data % ALIGNMENT == 0
    assert not block.any()
    block[...] = 7
    assert (block == 7).all()


@pytest.mark.parametrize(
    "kind", [TensorType((3, 5)), TensorType((0, 4)), TensorType((), np.dtype(np.int64)), TensorType((7,), np.dtype(np.bool_))]
)
def test_empty_array_has_the_type(kind: TensorType) -> None:
    array = empty_array(kind)
    assert array.shape == kind.shape
    assert array.dtype == kind.dtype
    assert is_aligned(array)


def test_an_aligned_array_is_not_copied() -> None:
    array = empty_array(TensorType((4, 4)))
    assert aligned_copy(array) is array


def test_other_arrays_are_copied() -> None:
    odd = np.arange(17, dtype=np.float32)[1:].reshape(4, 4)
    turned = odd.T
    swapped = odd.astype(">f4")
    for array in (turned, swapped):
        copy = aligned_copy(array)
        assert is_aligned(copy)
        assert copy.dtype == np.float32
        np.testing.assert_array_equal(copy, array)
