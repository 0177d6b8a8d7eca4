"""Maps over arrays: loop kinds, extents that do not fit the vector, dtypes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.loop_ir import For, IfThen, LoopFunc, LoopKind, Seq, Store
from compiler.te import Buffer, Cast, Const, Load, Var, binary, call, maximum, minimum, select
from compiler.tensor_type import FLOAT32, INT32, INT64

Check = Callable[..., Any]
RNG = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("kind", [LoopKind.SERIAL, LoopKind.UNROLLED, LoopKind.VECTORIZED, LoopKind.PARALLEL])
@pytest.mark.parametrize("extent", [1, 2, 3, 7, 8, 13, 16, 17, 31, 48])
def test_extents(check: Check, kind: LoopKind, extent: int) -> None:
    a, b, c = (Buffer(name, (extent,)) for name in "abc")
    i = Var("i")
    func = LoopFunc("f", (a, b, c), For("i", extent, Store(c, (i,), Load(a, (i,)) * Load(b, (i,)) + Load(a, (i,))), kind))
    check(func, [floats(extent), floats(extent), floats(extent)])


@pytest.mark.parametrize("lanes", [2, 4, 5, 8, 16, 32, 64])
def test_split_with_masked_tail(check: Check, lanes: int) -> None:
    extent = 53
    a, c = Buffer("a", (extent,)), Buffer("c", (extent,))
    i = Var("o") * lanes + Var("i")
    body = IfThen(i < extent, Store(c, (i,), Load(a, (i,)) * Load(a, (i,)) + 1.0))
    func = LoopFunc("f", (a, c), For("o", -(-extent // lanes), For("i", lanes, body, LoopKind.VECTORIZED)))
    check(func, [floats(extent), floats(extent)])


def test_vector_loop_around_a_serial_one(check: Check) -> None:
    """Rows are lanes: every access has the stride of a row, the sum is a lane's own."""
    a, c = Buffer("a", (8, 5)), Buffer("c", (8,))
    i, k = Var("i"), Var("k")
    init = Store(c, (i,), Const(0.0, FLOAT32))
    add = For("k", 5, Store(c, (i,), Load(c, (i,)) + Load(a, (i, k))))
    check(LoopFunc("f", (a, c), For("i", 8, Seq((init, add)), LoopKind.VECTORIZED)), [floats(8, 5), floats(8)])


@pytest.mark.parametrize("stride", [-1, 2, 3, 5])
def test_strides(check: Check, stride: int) -> None:
    lanes, size = 16, 16 * 5
    a, c, d = Buffer("a", (size,)), Buffer("c", (lanes,)), Buffer("d", (size,))
    i = Var("i")
    at = Const(lanes - 1) - i if stride < 0 else i * stride
    body = Seq((Store(c, (i,), Load(a, (at,))), Store(d, (at,), Load(a, (i,)))))
    check(LoopFunc("f", (a, c, d), For("i", lanes, body, LoopKind.VECTORIZED)), [floats(size), floats(lanes), floats(size)])


def test_broadcast_and_outer_product(check: Check) -> None:
    a, b, c = Buffer("a", (5,)), Buffer("b", (24,)), Buffer("c", (5, 24))
    i, j = Var("i"), Var("j")
    body = Store(c, (i, j), Load(a, (i,)) * Load(b, (j,)) - Load(b, (j,)) / Load(a, (i,)))
    check(LoopFunc("f", (a, b, c), For("i", 5, For("j", 24, body, LoopKind.VECTORIZED))), [floats(5), floats(24), floats(5, 24)])


def test_a_scalar_store_in_a_vector_loop_keeps_the_last_lane(check: Check) -> None:
    a, c = Buffer("a", (16,)), Buffer("c", (1,))
    check(LoopFunc("f", (a, c), For("i", 16, Store(c, (Const(0),), Load(a, (Var("i"),))), LoopKind.VECTORIZED)), [floats(16), floats(1)])


def test_start_other_than_zero(check: Check) -> None:
    a, c = Buffer("a", (40,)), Buffer("c", (40,))
    for kind in (LoopKind.SERIAL, LoopKind.UNROLLED, LoopKind.VECTORIZED, LoopKind.PARALLEL):
        loop = For("i", 16, Store(c, (Var("i"),), Cast(FLOAT32, Var("i")) + Load(a, (Var("i") - 3,))), kind, start=19)
        check(LoopFunc("f", (a, c), loop), [floats(40), floats(40)])


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "min", "max", "floordiv", "mod"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_operators(check: Check, op: Any, dtype: str) -> None:
    kind = np.dtype(dtype)
    a, b, c = (Buffer(name, (21,), kind) for name in "abc")
    i = Var("i")
    func = LoopFunc("f", (a, b, c), For("i", 21, Store(c, (i,), binary(op, Load(a, (i,)), Load(b, (i,)))), LoopKind.VECTORIZED))
    check(func, [(floats(21) * 3).astype(kind) for _ in range(3)])


def test_float16_is_loaded_computed_and_stored(run: Callable[..., Any]) -> None:
    half = np.dtype(np.float16)
    a, b, c = (Buffer(name, (21,), half) for name in "abc")
    i = Var("i")
    value = Load(a, (i,)) * Load(b, (i,)) + call("exp", Load(a, (i,)))
    arrays = [floats(21).astype(half) for _ in range(3)]
    run(LoopFunc("f", (a, b, c), For("i", 21, Store(c, (i,), value), LoopKind.VECTORIZED)), arrays)
    x, y = arrays[0].astype(np.float64), arrays[1].astype(np.float64)
    np.testing.assert_allclose(arrays[2], x * y + np.exp(x), rtol=4e-3, atol=4e-3)


def test_contracted_forms(check: Check) -> None:
    """x + a*b, a*b + x, x - a*b, a*b - x, a*b + c*d."""
    a, b, x, c = (Buffer(name, (16,)) for name in "abxc")
    out = Buffer("out", (5, 16))
    i = Var("i")
    p, q, r, s = (Load(buffer, (i,)) for buffer in (a, b, x, c))
    values = [r + p * q, p * q + r, r - p * q, p * q - r, p * q + r * s]
    body = Seq(tuple(Store(out, (Const(row), i), value) for row, value in enumerate(values)))
    func = LoopFunc("f", (a, b, x, c, out), For("i", 16, body, LoopKind.VECTORIZED))
    check(func, [floats(16), floats(16), floats(16), floats(16), floats(5, 16)])


def test_comparisons_and_bool_buffers(check: Check) -> None:
    a, b = Buffer("a", (37,)), Buffer("b", (37,))
    flags, out = Buffer("flags", (6, 37), np.dtype(bool)), Buffer("out", (37,))
    i = Var("i")
    x, y = Load(a, (i,)), Load(b, (i,))
    stores = [Store(flags, (Const(row), i), binary(op, x, y)) for row, op in enumerate(("lt", "le", "gt", "ge", "eq", "ne"))]
    both = binary("and", Load(flags, (Const(0), i)), binary("or", x > 0.0, y > 0.0))
    body = Seq((*stores, Store(out, (i,), select(both, x, Cast(FLOAT32, Load(flags, (Const(2), i)))))))
    for kind in (LoopKind.SERIAL, LoopKind.VECTORIZED):
        values = np.round(floats(37))
        check(
            LoopFunc("f", (a, b, flags, out), For("i", 37, body, kind)),
            [values, np.round(floats(37)), np.zeros((6, 37), bool), floats(37)],
        )


def test_clip_and_relu_keep_nan(run: Callable[..., Any]) -> None:
    a, c = Buffer("a", (16,)), Buffer("c", (16,))
    i = Var("i")
    clipped = minimum(maximum(Load(a, (i,)), 0.0), 6.0)
    arrays = [np.array([np.nan, -1, 3, 9] * 4, np.float32), np.zeros(16, np.float32)]
    run(LoopFunc("f", (a, c), For("i", 16, Store(c, (i,), clipped), LoopKind.VECTORIZED)), arrays)
    np.testing.assert_array_equal(arrays[1], np.clip(arrays[0], 0, 6))


@pytest.mark.parametrize("kind", [LoopKind.SERIAL, LoopKind.UNROLLED, LoopKind.VECTORIZED])
def test_an_output_in_an_arguments_place(run_in_place: Callable[..., Any], kind: LoopKind) -> None:
    """One array as `a` and as `c`; `a` is read twice per element."""
    a, b, c = (Buffer(name, (53,)) for name in "abc")
    i = Var("o") * 16 + Var("i")
    body = IfThen(i < 53, Store(c, (i,), Load(a, (i,)) * call("sigmoid", Load(a, (i,))) + Load(b, (i,))))
    func = LoopFunc("f", (a, b, c), For("o", 4, For("i", 16, body, kind)))
    block = np.zeros(256, np.float32)
    start = -block.ctypes.data // 4 % 16
    x, y = block[start : start + 53], block[start + 64 : start + 117]
    x[:], y[:] = floats(53), floats(53)
    expected = x / (1 + np.exp(-x)) + y
    run_in_place(func, [x, y, x])
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)


def test_index_values_as_data(check: Check) -> None:
    """Loop variables, quotients and remainders stored as numbers, in lanes too."""
    out = Buffer("out", (6, 40), INT64)
    i, j = Var("i"), Var("j")
    flat = i * 40 + j
    value = flat // 7 * 1000 + flat % 7 - binary("min", j, 11) + binary("max", i, j)
    for kind in (LoopKind.SERIAL, LoopKind.UNROLLED, LoopKind.VECTORIZED):
        func = LoopFunc("f", (out,), For("i", 6, For("j", 40, Store(out, (i, j), value), kind)))
        check(func, [np.zeros((6, 40), np.int64)])


def test_casts(check: Check) -> None:
    names = ["float32", "float64", "int32", "int64", "int8", "uint8", "bool"]
    values = np.array([-3.7, -1.0, 0.0, 0.4, 1.0, 2.9, 100.0, 5.5] * 3, np.float64)
    for source in names:
        for result in names:
            if source.startswith("float") and result == "uint8":
                continue  # negative floats have no uint8 value
            a, c = Buffer("a", (24,), np.dtype(source)), Buffer("c", (24,), np.dtype(result))
            loop = For("i", 24, Store(c, (Var("i"),), Cast(np.dtype(result), Load(a, (Var("i"),)))), LoopKind.VECTORIZED)
            check(
                LoopFunc("f", (a, c), loop),
                [values.astype(np.int8).astype(source) if source[0] != "f" else values.astype(source), np.zeros(24, result)],
            )


def test_int32_loops_mix_with_int64_indices(check: Check) -> None:
    a, c = Buffer("a", (32,), INT32), Buffer("c", (32,), INT32)
    i = Var("i")
    value = Load(a, (i,)) * Const(3, INT32) + Cast(INT32, i)
    check(LoopFunc("f", (a, c), For("i", 32, Store(c, (i,), value), LoopKind.VECTORIZED)), [np.arange(32, dtype=np.int32)] * 2)
