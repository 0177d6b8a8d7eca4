"""Element-wise operators and activations: against their references, and the references against onnxruntime."""

import numpy as np
import pytest

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.ops import OPERATORS, get_operator
from compiler.tensor_type import BOOL, FLOAT32, INT32, INT64, TensorType

SHAPES = [(), (7,), (3, 5), (2, 3, 5), (2, 1, 3, 7), (1, 2, 3, 2, 5)]
EDGES = [0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 1e-6, -1e-6, 30.0, -30.0, 88.0, -100.0]

ATTRIBUTES = {
    "leaky_relu": {"alpha": 0.1},
    "elu": {"alpha": 1.5},
    "celu": {"alpha": 2.0},
    "selu": {"alpha": 1.6732632, "gamma": 1.050701},
    "thresholded_relu": {"alpha": 0.7},
    "hard_sigmoid": {"alpha": 0.25, "beta": 0.4},
    "shrink": {"bias": 0.2, "lambd": 0.5},
    "clip": {"min": -0.5, "max": 0.75},
    "isinf": {"positive": True, "negative": True},
}
ONNX_NAMES = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "erf": "Erf",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "reciprocal": "Reciprocal",
    "abs": "Abs",
    "neg": "Neg",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "sign": "Sign",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "mish": "Mish",
    "hard_swish": "HardSwish",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
    "asin": "Asin",
    "acos": "Acos",
    "atan": "Atan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "asinh": "Asinh",
    "acosh": "Acosh",
    "atanh": "Atanh",
    "isnan": "IsNaN",
    "leaky_relu": "LeakyRelu",
    "elu": "Elu",
    "celu": "Celu",
    "selu": "Selu",
    "thresholded_relu": "ThresholdedRelu",
    "hard_sigmoid": "HardSigmoid",
    "shrink": "Shrink",
    "identity": "Identity",
    "isinf": "IsInf",
}
ONNX_ATTRIBUTES = {"isinf": {"detect_positive": 1, "detect_negative": 1}}


def sample(op, shape, rng):
    x = (rng.standard_normal(shape) * 2).astype(np.float32)
    if op in ("log", "sqrt", "reciprocal"):
        return np.abs(x) + np.float32(0.1)
    if op in ("asin", "acos", "atanh"):
        return np.tanh(x) * np.float32(0.95)
    return np.abs(x) + np.float32(1.01) if op == "acosh" else x


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", sorted({*ONNX_NAMES, "swish", "clip"}))
def test_expression_equals_reference(op, shape, check):
    check(op, [sample(op, shape, np.random.default_rng(1))], **ATTRIBUTES.get(op, {}))


@pytest.mark.parametrize("op", sorted(ONNX_NAMES))
def test_reference_equals_onnxruntime(op, check, ort):
    x = sample(op, (3, 41), np.random.default_rng(2))
    onnx_attributes = ONNX_ATTRIBUTES.get(op, ATTRIBUTES.get(op, {}))
    (expected,) = ort(ONNX_NAMES[op], [x], opset=20, **onnx_attributes)
    np.testing.assert_allclose(check(op, [x], **ATTRIBUTES.get(op, {}))[0], expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    "op", ["relu", "sigmoid", "swish", "softplus", "mish", "elu", "celu", "selu", "hard_swish", "tanh", "erf", "round", "sign"]
)
def test_far_from_zero(op, check):
    (y,) = check(op, [np.asarray(EDGES, np.float32)], **ATTRIBUTES.get(op, {}))
    assert np.isfinite(y).all()


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate, check, ort):
    x = np.random.default_rng(3).standard_normal((4, 33)).astype(np.float32) * 3
    (expected,) = ort("Gelu", [x], opset=20, approximate=approximate)
    np.testing.assert_allclose(check("gelu", [x], approximate=approximate)[0], expected, rtol=1e-5, atol=2e-6)
    with pytest.raises(UnsupportedOperator, match="cubic"):
        get_operator("gelu").reference([x], {"approximate": "cubic"})


@pytest.mark.parametrize("low", [None, -0.5, float("-inf")])
@pytest.mark.parametrize("high", [None, 0.25, float("inf")])
def test_clip_bounds(low, high, check):
    x = np.random.default_rng(4).standard_normal((5, 7)).astype(np.float32)
    expected = np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)
    np.testing.assert_array_equal(check("clip", [x], min=low, max=high)[0], expected)


def test_clip_integers_and_crossed_bounds(check):
    x = np.arange(-5, 6)
    np.testing.assert_array_equal(check("clip", [x], min=-2, max=3)[0], np.clip(x, -2, 3))
    np.testing.assert_array_equal(check("clip", [x], min=4, max=1)[0], np.ones(11, np.int64))


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("negative", [True, False])
def test_special_values(positive, negative, check):
    x = np.asarray([np.inf, -np.inf, np.nan, 0.0, 1.0], np.float32)
    (found,) = check("isinf", [x], positive=positive, negative=negative)
    assert found.tolist() == [positive, negative, False, False, False]
    assert check("isnan", [x])[0].tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("op", ["relu", "abs", "neg", "sign", "identity"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers(op, dtype, check):
    (y,) = check(op, [np.arange(-6, 6, dtype=dtype).reshape(3, 4)])
    assert y.dtype == dtype


def test_not(check):
    x = np.asarray([[True, False, True]])
    assert check("not", [x])[0].tolist() == [[False, True, False]]


@pytest.mark.parametrize("to", ["float32", "int32", "int64", "bool"])
@pytest.mark.parametrize("source", [FLOAT32, INT32, INT64, BOOL], ids=str)
def test_cast(source, to, check):
    x = np.asarray([-2.75, -1.0, -0.4, 0.0, 0.4, 1.0, 2.75]).astype(source)
    (y,) = check("cast", [x], to=to)
    np.testing.assert_array_equal(y, x.astype(to))


def test_errors_name_operator_and_types():
    with pytest.raises(UnsupportedOperator, match=r"exp: .*int64\[3\]"):
        get_operator("exp").infer_types([TensorType((3,), INT64)], {})
    with pytest.raises(ShapeError, match=r"relu: takes 1 inputs; found float32\[3\], float32\[4\]"):
        get_operator("relu").infer_types([TensorType((3,)), TensorType((4,))], {})


def test_registry():
    with pytest.raises(KeyError, match=r"unknown operator 'conv9'; known: abs, "):
        get_operator("conv9")
    assert all(name == operator.name for name, operator in OPERATORS.items())
