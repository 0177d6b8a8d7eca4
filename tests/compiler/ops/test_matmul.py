"""Matrix products of any ranks against their references; the references against numpy."""

import numpy as np
import pytest

from compiler.errors import ShapeError
from compiler.ops import get_operator
from compiler.tensor_type import INT64, TensorType

# Shapes before either is transposed.
CASES = [
    ((3, 5), (5, 7)),
    ((1, 17), (17, 19)),
    ((9, 6), (6, 1)),
    ((1, 11), (11, 1)),
    ((7, 1), (1, 5)),
    ((5,), (5, 6)),
    ((4, 5), (5,)),
    ((9,), (9,)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((2, 3, 1, 4), (1, 3, 4, 6)),
    ((2, 3, 4), (4,)),
]


def floats(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def swapped(x, swap):
    return np.ascontiguousarray(x.swapaxes(-1, -2)) if swap and x.ndim > 1 else x


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("shapes", CASES, ids=str)
def test_matmul(shapes, transpose_a, transpose_b, check):
    a, b = floats(shapes[0], 1), floats(shapes[1], 2)
    arrays = [swapped(a, transpose_a), swapped(b, transpose_b)]
    (y,) = check("matmul", arrays, transpose_a=transpose_a, transpose_b=transpose_b)
    np.testing.assert_allclose(y, np.matmul(a.astype(np.float64), b), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers(dtype, check):
    a, b = (np.random.default_rng(seed).integers(-99, 99, shape).astype(dtype) for seed, shape in [(3, (4, 5)), (4, (5, 19))])
    (y,) = check("matmul", [a, b], transpose_a=False, transpose_b=False)
    np.testing.assert_array_equal(y, a @ b)


def test_errors():
    plain = {"transpose_a": False, "transpose_b": False}
    with pytest.raises(ShapeError, match=r"matmul: the inner extents are equal \(3 and 4\)"):
        get_operator("matmul").infer_types([TensorType((2, 3)), TensorType((4, 5))], plain)
    with pytest.raises(ShapeError, match="matmul: the batch axes broadcast"):
        get_operator("matmul").infer_types([TensorType((2, 3, 4)), TensorType((3, 4, 5))], plain)
    with pytest.raises(ShapeError, match="element type"):
        get_operator("matmul").infer_types([TensorType((2, 3)), TensorType((3, 2), INT64)], plain)
