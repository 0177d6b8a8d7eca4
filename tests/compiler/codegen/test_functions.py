"""Every function of `te.FUNCTIONS` and pow against float64: errors in units of the last place, special values, lanes and scalars."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.loop_ir import For, LoopFunc, LoopKind, Store
from compiler.te import FUNCTIONS, HIGH, LOW, Buffer, Const, Load, Var, call, cast, high_part, joined, low_part, power, round_to_narrow
from compiler.tensor_type import BOOL, FLOAT32, INT32

Run = Callable[..., Any]
Array = np.ndarray[Any, Any]
SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    np.inf,
    -np.inf,
    np.nan,
    1e-45,
    -1e-45,
    1e-40,
    1.1754944e-38,
    3.4028235e38,
    -3.4e38,
]
SPECIAL += [
    87.3,
    88.0,
    88.72283,
    88.72284,
    89.0,
    -87.0,
    -87.34,
    -88.0,
    -100.0,
    -103.9,
    -104.0,
    -105.0,
    0.625,
    0.6249999,
    0.9999999,
    1.0000001,
]
SPECIAL += [3.9, 4.0, 4.1, -4.0, 8388609.0, -8388609.5, 2147483648.0]


def samples(count: int, seed: int) -> Array:
    """Special values, every exponent, and the range where functions bend."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32).view(np.float32)
    near = np.concatenate(
        [rng.uniform(-1, 1, count), rng.uniform(-5, 5, count), rng.uniform(-105, 90, count), 1 + rng.normal(0, 1e-3, count)]
    )
    return np.concatenate([np.array(SPECIAL, np.float32), bits, near.astype(np.float32)])


def apply(run: Run, make: Callable[..., Any], *arguments: Array, lanes: int = 16, result: Any = FLOAT32) -> Array:
    """`make(x, ...)` over vectors of `lanes` (scalars for 1); the arguments are padded to a multiple of it."""
    size = -(-arguments[0].size // lanes) * lanes
    padded = [np.resize(argument, size) for argument in arguments]
    buffers = [Buffer(f"x{n}", (size,), argument.dtype) for n, argument in enumerate(padded)]
    out = Buffer("out", (size,), np.dtype(result))
    at = (Var("o") * lanes + Var("i"),)
    body = For("i", lanes, Store(out, at, make(*(Load(buffer, at) for buffer in buffers))), LoopKind.VECTORIZED)
    arrays = [*padded, np.zeros(size, result)]
    run(LoopFunc("f", (*buffers, out), For("o", size // lanes, body)), arrays)
    return arrays[-1][: arguments[0].size]


def errors_in_ulp(got: Array, exact: Array) -> Array:
    """|got - exact| in units of the last place of `exact` as a float32; NaN and infinities must agree."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(rounded))
    regular = np.isfinite(rounded) & np.isfinite(got)
    np.testing.assert_array_equal(got[~regular & ~np.isnan(got)], rounded[~regular & ~np.isnan(got)])
    ulp = 2.0 ** np.maximum(np.frexp(exact[regular])[1] - 24, -149)
    return np.asarray(np.abs(got[regular].astype(np.float64) - exact[regular]) / ulp)


def sigmoid(x: Array) -> Array:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


erf = np.vectorize(math.erf, otypes=[np.float64])
BOUNDS: dict[str, tuple[Callable[[Array], Array], float]] = {
    "exp": (np.exp, 1.5),
    "log": (np.log, 1.5),
    "tanh": (np.tanh, 1.5),
    "erf": (erf, 2.6),
    "sigmoid": (sigmoid, 2.5),
    "sqrt": (np.sqrt, 0.51),
    "sin": (np.sin, 1.0),
    "cos": (np.cos, 1.0),
    "tan": (np.tan, 1.0),
    "asin": (np.arcsin, 1.0),
    "acos": (np.arccos, 1.0),
    "atan": (np.arctan, 1.0),
    "sinh": (np.sinh, 2.5),
    "cosh": (np.cosh, 2.5),
    "asinh": (np.arcsinh, 2.5),
    "acosh": (np.arccosh, 2.5),
    "atanh": (np.arctanh, 2.5),
    "abs": (np.abs, 0.0),
    "neg": (np.negative, 0.0),
    "floor": (np.floor, 0.0),
    "ceil": (np.ceil, 0.0),
    "round": (np.rint, 0.0),
    "sign": (np.sign, 0.0),
}


def test_every_function_is_tested() -> None:
    assert set(BOUNDS) | {"not", "isnan", "isinf", "bits", "from_bits"} == FUNCTIONS


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_float32(run: Run, name: str) -> None:
    reference, bound = BOUNDS[name]
    x = samples(2000 if name not in ("exp", "log", "tanh", "erf", "sigmoid") else 20000, 23)
    got = apply(run, lambda value: call(name, value), x)
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
    assert errors_in_ulp(got, exact).max() <= bound


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "erf", "sigmoid", "sign", "floor", "round", "sin"])
@pytest.mark.parametrize("lanes", [1, 3, 8, 32])
def test_lanes_agree(run: Run, name: str, lanes: int) -> None:
    x = samples(50, 29)
    np.testing.assert_array_equal(
        apply(run, lambda value: call(name, value), x, lanes=lanes), apply(run, lambda value: call(name, value), x)
    )


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_float64(run: Run, name: str) -> None:
    x = samples(50, 31).astype(np.float64)
    got = apply(run, lambda value: call(name, value), x, lanes=4, result=np.float64)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(got, BOUNDS[name][0](x), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize(("name", "reference"), [("isnan", np.isnan), ("isinf", np.isinf)])
def test_tests(run: Run, name: str, reference: Callable[[Array], Array]) -> None:
    x = samples(50, 37)
    np.testing.assert_array_equal(apply(run, lambda value: call(name, value), x, result=bool), reference(x))
    np.testing.assert_array_equal(apply(run, lambda value: call("not", call(name, value)), x, result=bool), ~reference(x))
    np.testing.assert_array_equal(apply(run, lambda value: call("not", cast(BOOL, value)), x, result=bool), x == 0)


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_bits(run: Run, lanes: int) -> None:
    x = samples(50, 41)
    bits = apply(run, lambda value: call("bits", value), x, lanes=lanes, result=INT32)
    assert bits.tolist() == x.view(np.int32).tolist()
    assert apply(run, lambda value: call("from_bits", value), bits, lanes=lanes).tobytes() == x.tobytes()


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_floats_of_three_bytes(run: Run, lanes: int) -> None:
    x = samples(50, 43)
    x = x[np.isfinite(x) & (np.abs(x) < 3e38)]
    narrow = apply(run, round_to_narrow, x, lanes=lanes)
    assert not (narrow.view(np.int32) % 256).any()
    assert (np.abs(narrow.astype(np.float64) - x) <= np.maximum(2.0**-16 * np.abs(x), 2.0**-142)).all()
    high = apply(run, high_part, narrow, lanes=lanes, result=HIGH)
    low = apply(run, low_part, narrow, lanes=lanes, result=LOW)
    assert apply(run, joined, high, low, lanes=lanes).tobytes() == narrow.tobytes()


def test_integer_functions(run: Run) -> None:
    x = np.array([0, 1, -1, 7, -9, 2**31 - 1, -(2**31) + 1], np.int32)
    for name, reference in {
        "abs": np.abs,
        "neg": np.negative,
        "sign": np.sign,
        "floor": np.array,
        "ceil": np.array,
        "round": np.array,
    }.items():
        np.testing.assert_array_equal(apply(run, lambda value, name=name: call(name, value), x, lanes=4, result=np.int32), reference(x))


def test_pow(run: Run) -> None:
    rng = np.random.default_rng(41)
    x = np.concatenate([np.repeat(np.array(SPECIAL, np.float32), len(SPECIAL)), rng.lognormal(0, 3, 5000), -rng.lognormal(0, 1, 1000)])
    y = np.concatenate([np.tile(np.array(SPECIAL, np.float32), len(SPECIAL)), rng.normal(0, 5, 5000), rng.integers(-9, 9, 1000)])
    x, y = x.astype(np.float32), y.astype(np.float32)
    got = apply(run, power, x, y)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
    assert errors_in_ulp(got, exact).max() <= 1.0
    np.testing.assert_array_equal(np.signbit(got[got == 0]), np.signbit(exact[got == 0]))


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 0.75, 1.0, 2.0, 3.0, 4.0])
def test_constant_exponents(run: Run, exponent: float) -> None:
    x = np.abs(samples(50, 43))
    got = apply(run, lambda value: power(value, Const(exponent, FLOAT32)), x)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), exponent)
    assert errors_in_ulp(got, exact).max() <= 2.0


def test_float64_pow(run: Run) -> None:
    x, y = np.array([2.0, -3.0, 0.5, 0.0] * 2), np.array([0.5, 3.0, -2.0, 2.0] * 2)
    np.testing.assert_allclose(apply(run, power, x, y, lanes=4, result=np.float64), x**y, rtol=1e-15)


def test_integer_pow(run: Run) -> None:
    x = np.array([0, 1, -1, 2, -3, 7, 10, 46340], np.int32)
    for exponent in (0, 1, 2, 5, 31, 33):
        expected = np.array([int(value) ** exponent & 0xFFFFFFFF for value in x], np.uint32).view(np.int32)
        np.testing.assert_array_equal(apply(run, lambda v, e=exponent: power(v, Const(e, INT32)), x, lanes=4, result=np.int32), expected)
    np.testing.assert_array_equal(apply(run, lambda v: power(v, Const(-3, INT32)), x[1:], lanes=7, result=np.int32), [1, -1, 0, 0, 0, 0, 0])
