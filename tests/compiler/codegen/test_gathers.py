"""Indices that are not linear: looked up in memory, or folded by floordiv, mod, min and max."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.loop_ir import For, LoopFunc, LoopKind, Seq, Store
from compiler.te import Buffer, Cast, Const, Load, Var, maximum, minimum, select
from compiler.tensor_type import INT32, INT64

Check = Callable[..., Any]
RNG = np.random.default_rng(17)
KINDS = [LoopKind.SERIAL, LoopKind.UNROLLED, LoopKind.VECTORIZED]


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [INT32, INT64])
def test_lookup(check: Check, kind: LoopKind, dtype: np.dtype[Any]) -> None:
    table, index, out = Buffer("table", (50, 3)), Buffer("index", (21,), dtype), Buffer("out", (21, 3))
    i, c = Var("i"), Var("c")
    at = Load(index, (i,)) if dtype == INT64 else Cast(INT64, Load(index, (i,)))
    func = LoopFunc("f", (table, index, out), For("c", 3, For("i", 21, Store(out, (i, c), Load(table, (at, c))), kind)))
    check(func, [floats(50, 3), RNG.integers(0, 50, 21).astype(dtype), floats(21, 3)])


@pytest.mark.parametrize("kind", KINDS)
def test_scatter_keeps_the_order(check: Check, kind: LoopKind) -> None:
    a, index, out = Buffer("a", (16,)), Buffer("index", (16,), INT64), Buffer("out", (8,))
    func = LoopFunc("f", (a, index, out), For("i", 16, Store(out, (Load(index, (Var("i"),)),), Load(a, (Var("i"),))), kind))
    check(func, [floats(16), RNG.integers(0, 8, 16).astype(np.int64), floats(8)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("divisor", [2, 3, 7, 8, 16, 48])
def test_floordiv_and_mod_of_a_fused_loop(check: Check, kind: LoopKind, divisor: int) -> None:
    rows = -(-96 // divisor)
    a, out = Buffer("a", (rows, divisor)), Buffer("out", (2, 48))
    o, i = Var("o"), Var("i")
    flat = o * 48 + i
    func = LoopFunc("f", (a, out), For("o", 2, For("i", 48, Store(out, (o, i), Load(a, (flat // divisor, flat % divisor))), kind)))
    check(func, [floats(rows, divisor), floats(2, 48)])


@pytest.mark.parametrize("kind", KINDS)
def test_floor_semantics_below_zero(check: Check, kind: LoopKind) -> None:
    """(i - 20) // 3 and (i - 20) % 3 are floored; the outer loop makes the numerator a run-time value."""
    out = Buffer("out", (3, 2, 16), INT64)
    o, i = Var("o"), Var("i")
    value = o * 7 + i - 20
    stores = Seq((Store(out, (o, Const(0), i), value // 3), Store(out, (o, Const(1), i), value % 5 + value // 4)))
    check(LoopFunc("f", (out,), For("o", 3, For("i", 16, stores, kind))), [np.zeros((3, 2, 16), np.int64)])


@pytest.mark.parametrize("kind", KINDS)
def test_clamped_index(check: Check, kind: LoopKind) -> None:
    a, out = Buffer("a", (10,)), Buffer("out", (4, 16))
    o, i = Var("o"), Var("i")
    at = maximum(minimum(o * 3 + i - 4, 9), 0)
    check(LoopFunc("f", (a, out), For("o", 4, For("i", 16, Store(out, (o, i), Load(a, (at,))), kind))), [floats(10), floats(4, 16)])


@pytest.mark.parametrize("kind", KINDS)
def test_selected_index(check: Check, kind: LoopKind) -> None:
    """A reflected border: i below 0 is -i."""
    a, out = Buffer("a", (32,)), Buffer("out", (3, 16))
    o, i = Var("o"), Var("i")
    at = o * 8 + i - 5
    mirrored = select(at < 0, Const(0) - at, at)
    check(LoopFunc("f", (a, out), For("o", 3, For("i", 16, Store(out, (o, i), Load(a, (mirrored,))), kind))), [floats(32), floats(3, 16)])


@pytest.mark.parametrize("kind", KINDS)
def test_nearest_resize(check: Check, kind: LoopKind) -> None:
    a, out = Buffer("a", (7, 9)), Buffer("out", (20, 30))
    i, j = Var("i"), Var("j")
    value = Load(a, (i * 7 // 20, j * 9 // 30))
    check(LoopFunc("f", (a, out), For("i", 20, For("j", 30, Store(out, (i, j), value), kind))), [floats(7, 9), floats(20, 30)])


def test_product_of_variables(check: Check) -> None:
    a, out = Buffer("a", (60,)), Buffer("out", (4, 4, 16))
    i, j, k = Var("i"), Var("j"), Var("k")
    body = For("k", 16, Store(out, (i, j, k), Load(a, (i * j * 3 + k,))), LoopKind.VECTORIZED)
    check(LoopFunc("f", (a, out), For("i", 4, For("j", 4, body))), [floats(60), floats(4, 4, 16)])


def test_index_stored_and_used_again(check: Check) -> None:
    """The buffer that an index comes from changes between two uses."""
    index, a, out = Buffer("index", (1,), INT64), Buffer("a", (16,)), Buffer("out", (8,))
    i = Var("i")
    body = Seq((Store(out, (i,), Load(a, (Load(index, (Const(0),)),))), Store(index, (Const(0),), Load(index, (Const(0),)) + 2)))
    for kind in (LoopKind.SERIAL, LoopKind.UNROLLED):
        check(LoopFunc("f", (index, a, out), For("i", 8, body, kind)), [np.zeros(1, np.int64), floats(16), floats(8)])
