"""Reductions over every set of axes, argmax and argmin."""

from itertools import combinations

import numpy as np
import pytest

from compiler.errors import ShapeError
from compiler.ops import get_operator
from compiler.tensor_type import TensorType

ONNX_NAMES = {
    "reduce_sum": "ReduceSum",
    "reduce_mean": "ReduceMean",
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
    "reduce_l1": "ReduceL1",
    "reduce_l2": "ReduceL2",
    "reduce_log_sum": "ReduceLogSum",
    "reduce_log_sum_exp": "ReduceLogSumExp",
    "reduce_sum_square": "ReduceSumSquare",
}
INTEGER_ONES = ["reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_l1", "reduce_sum_square"]
SHAPE = (2, 3, 1, 5)
AXES = [axes for count in range(1, 5) for axes in combinations(range(4), count)]


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("op", sorted(ONNX_NAMES))
def test_every_set_of_axes(op, keepdims, check, ort):
    x = (np.random.default_rng(1).random(SHAPE) + 0.2).astype(np.float32)
    for axes in AXES:
        (y,) = check(op, [x], axes=axes, keepdims=keepdims)
        (expected,) = ort(ONNX_NAMES[op], [x, np.asarray(axes)], keepdims=int(keepdims))
        np.testing.assert_allclose(y, expected, rtol=1e-5)


@pytest.mark.parametrize("op", sorted(ONNX_NAMES))
@pytest.mark.parametrize("shape", [(), (7,)], ids=str)
def test_no_axes(op, shape, check):
    x = (np.random.default_rng(2).random(shape) + 0.2).astype(np.float32)
    (y,) = check(op, [x], axes=(), keepdims=False)
    expected = {"reduce_log_sum": np.log, "reduce_sum_square": np.square}.get(op, lambda array: array)(x)
    np.testing.assert_allclose(y, expected, rtol=1e-5)


@pytest.mark.parametrize("op", INTEGER_ONES)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers(op, dtype, check, ort):
    x = np.random.default_rng(3).integers(-4, 5, (3, 7)).astype(dtype)
    (y,) = check(op, [x], axes=(1,), keepdims=True)
    np.testing.assert_array_equal(y, ort(ONNX_NAMES[op], [x, np.asarray([1])])[0])


@pytest.mark.parametrize("op", ["reduce_max", "reduce_min"])
def test_truth_values(op, check):
    x = np.asarray([[True, False], [True, True], [False, False]])
    (y,) = check(op, [x], axes=(1,), keepdims=False)
    assert y.tolist() == ([True, True, False] if op == "reduce_max" else [False, True, False])


@pytest.mark.parametrize(
    ("op", "value"),
    [("reduce_sum", 0.0), ("reduce_prod", 1.0), ("reduce_max", -np.inf), ("reduce_min", np.inf), ("reduce_log_sum_exp", -np.inf)],
)
def test_nothing_to_reduce(op, value):
    (y,) = get_operator(op).reference([np.empty((2, 0, 3), np.float32)], {"axes": (1,), "keepdims": True})
    np.testing.assert_array_equal(y, np.full((2, 1, 3), value, np.float32))


def test_log_sum_exp_neither_overflows_nor_loses_infinities(check):
    x = np.asarray([[1000.0, 1000.0], [-1000.0, -1000.0], [-np.inf, -np.inf], [np.inf, 1.0]], np.float32)
    (y,) = check("reduce_log_sum_exp", [x], axes=(1,), keepdims=False)
    np.testing.assert_allclose(y, [1000 + np.log(2), -1000 + np.log(2), -np.inf, np.inf], rtol=1e-6)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_arg(op, keepdims, last, check, ort):
    x = np.random.default_rng(4).integers(0, 3, (3, 5, 7)).astype(np.float32)
    for axis in range(3):
        (y,) = check(op, [x], axis=axis, keepdims=keepdims, select_last_index=last)
        (expected,) = ort({"argmax": "ArgMax", "argmin": "ArgMin"}[op], [x], axis=axis, keepdims=int(keepdims), select_last_index=int(last))
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("axes", [(2,), (-1,), (1, 0), (0, 0)])
def test_bad_axes(axes):
    with pytest.raises(ShapeError, match=r"reduce_sum: ax.*float32\[2, 3\]"):
        get_operator("reduce_sum").infer_types([TensorType((2, 3))], {"axes": axes, "keepdims": True})
