"""Integer arithmetic: truncated and floored division, wrap-around, no traps; signed and unsigned, in lanes and as scalars."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.loop_ir import For, IfThen, LoopFunc, LoopKind, Store
from compiler.te import Buffer, Const, Load, Var, binary, call

Run = Callable[..., Any]
Array = np.ndarray[Any, Any]
DTYPES = ["int8", "uint8", "int32", "int64"]


def pairs(dtype: str) -> tuple[Array, Array]:
    limits = np.iinfo(dtype)
    values = [0, 1, 2, 3, 7, limits.max, limits.max - 1, limits.min, limits.min + 1]
    if limits.min < 0:
        values += [-1, -2, -3, -7]
    x, y = np.meshgrid(np.array(values, dtype), np.array(values, dtype))
    return x.ravel(), y.ravel()


def apply(run: Run, op: Any, x: Array, y: Array, kind: LoopKind, result: str) -> Array:
    a, b, c = Buffer("a", x.shape, x.dtype), Buffer("b", y.shape, y.dtype), Buffer("c", x.shape, np.dtype(result))
    i = Var("i")
    arrays = [x.copy(), y.copy(), np.zeros(x.shape, result)]
    run(LoopFunc("f", (a, b, c), For("i", x.size, Store(c, (i,), binary(op, Load(a, (i,)), Load(b, (i,)))), kind)), arrays)
    return arrays[2]


@pytest.mark.parametrize("kind", [LoopKind.SERIAL, LoopKind.VECTORIZED])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["add", "sub", "mul", "min", "max", "lt", "le", "gt", "ge", "eq", "ne"])
def test_as_numpy(run: Run, op: str, dtype: str, kind: LoopKind) -> None:
    x, y = pairs(dtype)
    functions: dict[str, Callable[[Array, Array], Array]] = {
        **{"add": np.add, "sub": np.subtract, "mul": np.multiply, "min": np.minimum, "max": np.maximum},
        **{"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal},
    }
    expected = functions[op](x, y)
    np.testing.assert_array_equal(apply(run, op, x, y, kind, expected.dtype.name), expected)


@pytest.mark.parametrize("kind", [LoopKind.SERIAL, LoopKind.VECTORIZED])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["div", "floordiv", "mod"])
def test_division(run: Run, op: str, dtype: str, kind: LoopKind) -> None:
    """Exact where it is defined; a zero divisor and the one overflow give something, and no trap."""
    x, y = pairs(dtype)
    got = apply(run, op, x, y, kind, dtype)
    defined = (y != 0) & ~((x == np.iinfo(dtype).min) & (y.astype(np.int64) == -1))
    wide_x, wide_y = [int(v) for v in x[defined]], [int(v) for v in y[defined]]
    divide: dict[str, Callable[[int, int], int]] = {
        "div": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
        "floordiv": lambda a, b: a // b,
        "mod": lambda a, b: a % b,
    }
    np.testing.assert_array_equal(got[defined], [divide[op](a, b) for a, b in zip(wide_x, wide_y, strict=True)])


def test_division_under_a_mask_does_not_trap(run: Run) -> None:
    """Lanes that the guard leaves out divide by zero."""
    a, b, c = (Buffer(name, (16,), np.dtype(np.int32)) for name in "abc")
    i = Var("i")
    body = IfThen(i < Var("n") + 3, Store(c, (i,), binary("floordiv", Load(a, (i,)), Load(b, (i,)))))
    x, y = np.arange(-5, 11, dtype=np.int32), np.where(np.arange(16) < 3, 2, 0).astype(np.int32)
    arrays = [x, y, np.full(16, 99, np.int32)]
    run(LoopFunc("f", (a, b, c), For("n", 1, For("i", 16, body, LoopKind.VECTORIZED))), arrays)
    np.testing.assert_array_equal(arrays[2], [-3, -2, -2, *[99] * 13])


def test_constant_divisors_of_data(run: Run) -> None:
    x = np.arange(-40, 40, dtype=np.int64)
    a, c = Buffer("a", (80,), x.dtype), Buffer("c", (80,), x.dtype)
    i = Var("i")
    for kind in (LoopKind.SERIAL, LoopKind.VECTORIZED):
        for divisor in (1, 2, 3, 16, 100):
            value = binary("floordiv", Load(a, (i,)), Const(divisor)) * 1000 + binary("mod", Load(a, (i,)), Const(divisor))
            arrays = [x.copy(), np.zeros(80, np.int64)]
            run(LoopFunc("f", (a, c), For("i", 80, Store(c, (i,), value), kind)), arrays)
            np.testing.assert_array_equal(arrays[1], x // divisor * 1000 + x % divisor)


def test_large_int64_comparisons_do_not_overflow(run: Run) -> None:
    """Compared as they are, not by the sign of a difference."""
    x, y = pairs("int64")
    for kind in (LoopKind.SERIAL, LoopKind.VECTORIZED):
        np.testing.assert_array_equal(apply(run, "lt", x, y, kind, "bool"), x < y)


def test_bool_operators(run: Run) -> None:
    x, y = np.array([False, True] * 8), np.array([False, False, True, True] * 4)
    a, b, c = (Buffer(name, (16,), np.dtype(bool)) for name in "abc")
    i = Var("i")
    expected = {"and": x & y, "or": x | y, "eq": x == y, "ne": x != y, "lt": x < y}
    for op, want in expected.items():
        for kind in (LoopKind.SERIAL, LoopKind.VECTORIZED):
            np.testing.assert_array_equal(apply(run, op, x, y, kind, "bool"), want)
    arrays = [x, y, np.zeros(16, bool)]
    run(LoopFunc("f", (a, b, c), For("i", 16, Store(c, (i,), call("not", Load(a, (i,)))), LoopKind.VECTORIZED)), arrays)
    np.testing.assert_array_equal(arrays[2], ~x)
