"""Numbers at the ends of their types: overflowing differences, infinities, not-a-numbers, signed zeros, subnormal numbers."""

from collections.abc import Callable

import numpy as np
import pytest

Check = Callable[..., object]

WIDTHS = (1, 5, 37)
FUNCTIONS = (
    *("relu", "abs", "neg", "sign", "floor", "ceil", "round", "sqrt", "reciprocal", "exp", "log", "tanh", "sigmoid", "erf", "isnan"),
    *("softsign", "softplus", "mish", "hard_swish", "swish", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh"),
    *("asinh", "acosh", "atanh"),
)
FLOATS = np.asarray([0.0, -0.0, 1e-45, -1e-40, 1.0, -1.0, 0.5, 2.5, -2.5, 3e38, -3e38, np.inf, -np.inf, np.nan], np.float32)


def integers(dtype: type[np.signedinteger], count: int) -> np.ndarray:
    limits = np.iinfo(dtype)
    ends = np.asarray([limits.min, limits.min + 1, -2, -1, 0, 1, 2, limits.max - 1, limits.max], dtype)
    return np.resize(ends, count)


@pytest.mark.parametrize("op", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_comparisons_of_far_integers(op: str, dtype: type[np.signedinteger], check: Check) -> None:
    values = integers(dtype, 9)
    check(op, [values.reshape(9, 1), values])


@pytest.mark.parametrize("op", ["add", "sub", "mul", "minimum", "maximum"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_arithmetic_of_far_integers(op: str, dtype: type[np.signedinteger], check: Check) -> None:
    values = integers(dtype, 9)
    check(op, [values.reshape(9, 1), values])


@pytest.mark.parametrize("op", ["reduce_max", "reduce_min", "reduce_sum", "argmax", "argmin"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_reductions_of_far_integers(op: str, dtype: type[np.signedinteger], check: Check) -> None:
    if op.startswith("arg"):
        check(op, [integers(dtype, 36).reshape(4, 9)], axis=1, keepdims=False, select_last_index=False)
    else:
        check(op, [integers(dtype, 36).reshape(4, 9)], axes=(1,), keepdims=False)


@pytest.mark.parametrize("op", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "add", "sub", "mul", "div"])
def test_pairs_of_special_numbers(op: str, check: Check) -> None:
    check(op, [FLOATS.reshape(-1, 1), FLOATS])


@pytest.mark.parametrize("op", ["minimum", "maximum"])
def test_extrema_of_special_numbers(op: str, check: Check) -> None:
    """Which operand wins where one is not a number differs between machines: see `compiler/codegen/llvm/arithmetic.py`."""
    check(op, [FLOATS[:-1].reshape(-1, 1), FLOATS[:-1]])


@pytest.mark.parametrize("count", WIDTHS)
@pytest.mark.parametrize("op", FUNCTIONS)
def test_special_numbers(op: str, count: int, check: Check) -> None:
    for first in range(0, len(FLOATS), count):
        check(op, [np.resize(FLOATS[first:], count)])


@pytest.mark.parametrize("to", ["bool", "float32", "int32", "int64"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_casts_of_far_integers(to: str, dtype: type[np.signedinteger], check: Check) -> None:
    check("cast", [integers(dtype, 37)], to=to)


def test_casts_of_special_numbers(check: Check) -> None:
    check("cast", [FLOATS], to="bool")


@pytest.mark.parametrize("op", ["reduce_max", "reduce_min", "reduce_sum", "reduce_mean", "reduce_l2", "max_pool"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_reductions_of_infinities(op: str, value: float, check: Check) -> None:
    check_reduction(op, value, check)


@pytest.mark.parametrize("op", ["reduce_sum", "reduce_mean", "reduce_l2"])
def test_reductions_of_what_is_no_number(op: str, check: Check) -> None:
    check_reduction(op, np.nan, check)


def check_reduction(op: str, value: float, check: Check) -> None:
    x = np.random.default_rng(1).standard_normal((3, 37)).astype(np.float32)
    x[1, 5] = value
    if op == "max_pool":
        window = {"kernel": (3,), "strides": (1,), "padding": (1, 1), "dilations": (1,), "output_size": (37,), "layout": "NCHW"}
        check(op, [x.reshape(1, 3, 37)], **window)
        return
    for axis in (0, 1):
        check(op, [x], axes=(axis,), keepdims=True)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_softmax_of_masked_scores(op: str, check: Check) -> None:
    x = np.random.default_rng(2).standard_normal((4, 37)).astype(np.float32)
    x[0, 3:] = -np.inf
    x[1] = -3e38
    x[2, 7] = 3e38
    check(op, [x], axis=1)
