"""Whole numbers with scales in place of a matrix."""

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.loop_ir import build_loop_func, interpret
from compiler.te import FIXED, compute, dequantized, placeholder, quantize
from compiler.te.fixed_point import BLOCK, LARGEST

Array = NDArray[np.float32]
RNG = np.random.default_rng(0)


def kept(matrix: Array, reduced: int) -> tuple[NDArray[np.int16], Array]:
    """The whole numbers, and the matrix that they stand for."""
    x = placeholder(matrix.shape, "x")
    whole, scale = quantize(x, reduced, "w", ("i", "j"))
    y = compute(matrix.shape, lambda *indices: dequantized(whole, scale, reduced, indices), "y")
    numbers, result = np.empty(matrix.shape, FIXED), np.empty_like(matrix)
    interpret(build_loop_func("kernel", [x], [whole, y]), [matrix, numbers, result])
    return numbers, result


def blocks(matrix: Array) -> list[Array]:
    """Along the first axis, the last one shorter."""
    return [matrix[start : start + BLOCK] for start in range(0, len(matrix), BLOCK)]


@pytest.mark.parametrize("reduced", [0, 1])
@pytest.mark.parametrize("extent", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_numbers_err_by_half_a_step_of_their_block(extent: int, reduced: int) -> None:
    matrix = (RNG.standard_t(2, (extent, 5)) * 10.0 ** RNG.integers(-20, 20, 5)).astype(np.float32)
    numbers, result = (each if reduced == 0 else each.T for each in kept(matrix if reduced == 0 else matrix.T.copy(), reduced))
    assert np.abs(numbers.astype(int)).max() == LARGEST
    for given, got in zip(blocks(matrix), blocks(result), strict=True):
        steps = np.abs(given).max(axis=0) / LARGEST
        assert (np.abs(got.astype(np.float64) - given) <= 0.501 * steps).all()


def test_an_outlier_spoils_its_block_only() -> None:
    matrix = RNG.standard_normal((2 * BLOCK, 2), dtype=np.float32)
    matrix[3, 0] = 1e6
    errors = np.abs(kept(matrix, 0)[1] - matrix)
    assert errors[:BLOCK, 0].max() > 1
    assert max(errors[BLOCK:].max(), errors[:, 1].max()) < 1e-4


def test_errors_of_a_block_over_its_numbers() -> None:
    """As the module says."""
    alone = np.zeros((BLOCK, 1), np.float32)
    alone[0] = 1.0
    alone[1:] = 0.4999 / LARGEST  # all of it lost
    for matrix, least, most in ((RNG.standard_normal((BLOCK, 200), dtype=np.float32), 1e-5, 3e-5), (alone, 1e-4, 1.3e-4)):
        error = np.linalg.norm(kept(matrix, 0)[1].astype(np.float64) - matrix, axis=0) / np.linalg.norm(matrix, axis=0)
        assert least < error.mean() < most


def test_zeros_and_numbers_next_to_nothing() -> None:
    matrix = np.zeros((BLOCK, 3), np.float32)
    matrix[5, 1], matrix[7, 2] = 1e-45, -1e-38
    result = kept(matrix, 0)[1]
    assert not result[:, 0].any()
    np.testing.assert_allclose(result, matrix, atol=1e-42)
