"""Operators of several tensors: broadcasting of any ranks, integer rules, and the errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.ops import get_operator
from compiler.tensor_type import INT64, TensorType

PAIRS = [
    ((), ()),
    ((3,), ()),
    ((2, 3), (3,)),
    ((2, 1, 5), (3, 1)),
    ((1, 3, 1, 1), (2, 3, 5, 7)),
    ((2, 3, 5, 7), (3, 1, 1)),
    ((1,), (1, 1, 2, 1, 3)),
]
ARITHMETIC = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div"}
COMPARISONS = {"equal": "Equal", "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual"}


def floats(shape, rng):
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shapes", PAIRS, ids=str)
@pytest.mark.parametrize("op", [*ARITHMETIC, "minimum", "maximum"])
def test_floats(op, shapes, check):
    rng = np.random.default_rng(1)
    a, b = (floats(shape, rng) for shape in shapes)
    (y,) = check(op, [a, b])
    numpy_op = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "minimum": np.minimum, "maximum": np.maximum}[op]
    np.testing.assert_allclose(y, numpy_op(a, b), rtol=1e-6)


@settings(max_examples=25)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=5, max_side=5), seed=st.integers(0, 99))
def test_any_ranks(shapes, seed, check):
    rng = np.random.default_rng(seed)
    a, b = (floats(shape, rng) for shape in shapes.input_shapes)
    (y,) = check("sub", [a, b])
    assert y.shape == shapes.result_shape


@pytest.mark.parametrize("op", [*ARITHMETIC, "minimum", "maximum"])
def test_integers(op, check, ort):
    a = np.asarray([-7, -6, -1, 0, 1, 6, 7], np.int64).reshape(7, 1)
    b = np.asarray([-3, -2, -1, 1, 2, 3], np.int64)
    (y,) = check(op, [a, b])
    names = {**ARITHMETIC, "minimum": "Min", "maximum": "Max"}
    np.testing.assert_array_equal(y, ort(names[op], [a, b])[0])


@pytest.mark.parametrize("op", [*COMPARISONS, "not_equal"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_comparisons(op, dtype, check, ort):
    rng = np.random.default_rng(2)
    a, b = (rng.integers(-2, 3, shape).astype(dtype) for shape in [(3, 1, 5), (4, 5)])
    (y,) = check(op, [a, b])
    expected = ort(COMPARISONS[op], [a, b])[0] if op in COMPARISONS else a != b
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("op", ["and", "or", "xor", "equal", "not_equal"])
def test_truth_values(op, check):
    a, b = np.asarray([[True], [False]]), np.asarray([True, False])
    numpy_op = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor, "equal": np.equal, "not_equal": np.not_equal}[op]
    np.testing.assert_array_equal(check(op, [a, b])[0], numpy_op(a, b))


@pytest.mark.parametrize("exponent", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("base", [np.float32, np.int32, np.int64])
def test_pow(base, exponent, check, ort):
    a, b = np.asarray([[1], [2], [3], [5]], base), np.asarray([0, 1, 2, 3], exponent)
    (y,) = check("pow", [a, b])
    np.testing.assert_allclose(y, ort("Pow", [a, b])[0], rtol=1e-6)
    assert y.dtype == base


@pytest.mark.parametrize(("dtype", "fmod"), [(np.int32, False), (np.int64, False), (np.int64, True), (np.float32, True)])
def test_mod(dtype, fmod, check, ort):
    a, b = np.asarray([[-7], [-4], [0], [5], [7]]).astype(dtype), np.asarray([-3, -2, 2, 3]).astype(dtype)
    (y,) = check("mod", [a, b], fmod=fmod)
    np.testing.assert_array_equal(y, ort("Mod", [a, b], fmod=int(fmod))[0])


def test_mod_of_floats_needs_fmod():
    with pytest.raises(UnsupportedOperator, match="mod: "):
        get_operator("mod").infer_types([TensorType((3,)), TensorType((3,))], {"fmod": False})


@pytest.mark.parametrize("slope", [(), (1,), (3, 1, 1), (7,), (2, 3, 5, 7)], ids=str)
def test_prelu(slope, check, ort):
    rng = np.random.default_rng(3)
    x, slopes = floats((2, 3, 5, 7), rng), floats(slope, rng)
    np.testing.assert_allclose(check("prelu", [x, slopes])[0], ort("PRelu", [x, slopes])[0], rtol=1e-6)


def test_prelu_keeps_the_shape_of_x():
    with pytest.raises(ShapeError, match=r"prelu: the slope must broadcast .* float32\[3\], float32\[2, 3\]"):
        get_operator("prelu").infer_types([TensorType((3,)), TensorType((2, 3))], {})


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_where(dtype, check):
    rng = np.random.default_rng(4)
    condition, x, y = rng.random((3, 1, 2)) < 0.5, rng.integers(0, 5, (1, 5, 1)).astype(dtype), rng.integers(0, 5, (2,)).astype(dtype)
    np.testing.assert_array_equal(check("where", [condition, x, y])[0], np.where(condition, x, y))


def test_errors():
    with pytest.raises(ShapeError, match=r"add: the shapes do not broadcast together; found float32\[2, 3\], float32\[2\]"):
        get_operator("add").infer_types([TensorType((2, 3)), TensorType((2,))], {})
    with pytest.raises(ShapeError, match=r"mul: needs inputs of one element type; found float32\[3\], int64\[3\]"):
        get_operator("mul").infer_types([TensorType((3,)), TensorType((3,), INT64)], {})
    with pytest.raises(ShapeError, match=r"where: the condition must be bool"):
        get_operator("where").infer_types([TensorType((3,))] * 3, {})
