"""Padding and borders: a load that is out of bounds where its condition is false never touches memory; arrays end at unreadable pages."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, LoopKind, Seq, Store
from compiler.te import Buffer, Const, Load, Var, binary, logical_and, select
from compiler.tensor_type import BOOL, FLOAT32, INT64

Check = Callable[..., Any]
RNG = np.random.default_rng(11)
KINDS = [LoopKind.SERIAL, LoopKind.UNROLLED, LoopKind.VECTORIZED]
FAR = 1 << 20  # elements beyond the array's end: no page is there


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [-5, 5, -16, 16, -FAR, FAR])
def test_shifted_window(check: Check, kind: LoopKind, offset: int) -> None:
    """out[i] = a[i + offset] inside the array, 0 outside."""
    a, c = Buffer("a", (32,)), Buffer("c", (32,))
    at = Var("i") + offset
    padded = select(logical_and(at >= 0, at < 32), Load(a, (at,)), 0.0)
    check(LoopFunc("f", (a, c), For("i", 32, Store(c, (Var("i"),), padded), kind)), [floats(32), floats(32)])


@pytest.mark.parametrize("kind", KINDS)
def test_pad_value_other_than_zero(check: Check, kind: LoopKind) -> None:
    a, c = Buffer("a", (16,)), Buffer("c", (48,))
    at = Var("i") - 16
    padded = select(logical_and(at >= 0, at < 16), Load(a, (at,)) * 2.0, -3.0)
    check(LoopFunc("f", (a, c), For("i", 48, Store(c, (Var("i"),), padded), kind)), [floats(16), floats(48)])


@pytest.mark.parametrize("lanes", ["w", "c"])
def test_padded_convolution_window(check: Check, lanes: str) -> None:
    """A scalar guard around vector loads (lanes over channels) and a mask (lanes over columns), with unaligned rows."""
    height, width, channels = 5, 16, 16
    x, out = Buffer("x", (height, width, channels)), Buffer("out", (height, width, channels))
    h, w, c, kh, kw = (Var(name) for name in ("h", "w", "c", "kh", "kw"))
    row, column = h + kh - 1, w + kw - 1
    inside = logical_and(row >= 0, row < height, column >= 0, column < width)
    add = Store(out, (h, w, c), Load(out, (h, w, c)) + select(inside, Load(x, (row, column, c)), 0.0))
    taps = For("kh", 3, For("kw", 3, add, LoopKind.UNROLLED))
    body = Seq((Store(out, (h, w, c), Const(0.0, FLOAT32)), taps))
    kinds = {name: LoopKind.VECTORIZED if name == lanes else LoopKind.SERIAL for name in "wc"}
    nest = For("h", height, For("w", width, For("c", channels, body, kinds["c"]), kinds["w"]))
    if lanes == "w":
        nest = For("h", height, For("c", channels, For("w", width, body, kinds["w"])))
    check(LoopFunc("f", (x, out), nest), [floats(height, width, channels), floats(height, width, channels)])


@pytest.mark.parametrize("kind", KINDS)
def test_both_arms_load(check: Check, kind: LoopKind) -> None:
    """A concatenation: each arm is out of bounds where the other is taken."""
    a, b, c = Buffer("a", (16,)), Buffer("b", (32,)), Buffer("c", (48,))
    i = Var("i")
    value = select(i < 16, Load(a, (i,)), Load(b, (i - 16,)))
    check(LoopFunc("f", (a, b, c), For("i", 48, Store(c, (i,), value), kind)), [floats(16), floats(32), floats(48)])


@pytest.mark.parametrize("kind", KINDS)
def test_nested_guards(check: Check, kind: LoopKind) -> None:
    a, b, c = Buffer("a", (16,)), Buffer("b", (16,)), Buffer("c", (64,))
    i = Var("i")
    inner = select(i >= 32, Load(b, (i - 32,)), Load(a, (i - 16,)) + 1.0)
    value = select(logical_and(i >= 16, i < 48), inner, -1.0)
    check(LoopFunc("f", (a, b, c), For("i", 64, Store(c, (i,), value), kind)), [floats(16), floats(16), floats(64)])


@pytest.mark.parametrize("stride", [0, 1, 2, 3, FAR])
def test_masks_with_strides(check: Check, stride: int) -> None:
    """Masked vector load, load of one element under a mask, gather under a mask; only the first five lanes are inside."""
    a, c = Buffer("a", (4 * min(stride, 3) + 1,)), Buffer("c", (16,))
    i = Var("i")
    limit = 1 if stride == FAR else 5
    value = select(i < Var("n") + limit, Load(a, (i * stride,)), 0.0)
    func = LoopFunc("f", (a, c), For("n", 1, For("i", 16, Store(c, (i,), value), LoopKind.VECTORIZED)))
    check(func, [floats(*a.shape), floats(16)])


@pytest.mark.parametrize("stride", [0, 1, 2, 3])
def test_masked_stores(check: Check, stride: int) -> None:
    a, c = Buffer("a", (16,)), Buffer("c", (10 * stride + 1,))
    i, n = Var("i"), Var("n")
    body = IfThen(i < n * 5 + 6, Store(c, (i * stride,), Load(a, (i,))))
    func = LoopFunc("f", (a, c), For("n", 2, For("i", 16, body, LoopKind.VECTORIZED)))
    arrays = [floats(16), floats(10 * stride + 1)]
    if stride == 0:
        func = LoopFunc(
            "f", (a, c), For("n", 2, For("i", 16, IfThen(i < n * 5 + 6, Store(c, (Const(0),), Load(a, (i,)))), LoopKind.VECTORIZED))
        )
    check(func, arrays)


def test_data_dependent_guard(check: Check) -> None:
    """The mask comes from memory, and protects an address that comes from memory too."""
    index, a, c = Buffer("index", (24,), INT64), Buffer("a", (16,)), Buffer("c", (24,))
    i = Var("i")
    found = Load(index, (i,))
    value = select(logical_and(found >= 0, found < 16), Load(a, (found,)), -1.0)
    places = RNG.integers(-5, 21, 24)
    places[3], places[4] = FAR, -FAR
    for kind in KINDS:
        func = LoopFunc("f", (index, a, c), For("i", 24, Store(c, (i,), value), kind))
        check(func, [places.astype(np.int64), floats(16), floats(24)])


def test_index_that_is_valid_only_under_the_guard(check: Check) -> None:
    """Two loads, the second's index from the first, both guarded."""
    index, a, c = Buffer("index", (8,), INT64), Buffer("a", (16,)), Buffer("c", (32,))
    i = Var("i")
    value = select(i < 8, Load(a, (Load(index, (i,)),)), 0.0)
    for kind in KINDS:
        func = LoopFunc("f", (index, a, c), For("i", 32, Store(c, (i,), value), kind))
        check(func, [RNG.integers(0, 16, 8).astype(np.int64), floats(16), floats(32)])


def test_right_side_of_and_relies_on_the_left(check: Check) -> None:
    a, c = Buffer("a", (16,)), Buffer("c", (32,))
    i = Var("i")
    value = select(binary("and", i < 16, Load(a, (i,)) > 0.0), Const(1.0, FLOAT32), Const(2.0, FLOAT32))
    for kind in KINDS:
        check(LoopFunc("f", (a, c), For("i", 32, Store(c, (i,), value), kind)), [floats(16), floats(32)])


def test_guarded_bool_and_integer_loads(check: Check) -> None:
    flags, numbers, c = Buffer("flags", (16,), BOOL), Buffer("numbers", (16,), INT64), Buffer("c", (32,), INT64)
    i = Var("i")
    on = select(i < 16, Load(flags, (i,)), Const(False, BOOL))
    value = select(on, select(i < 16, Load(numbers, (i,)), Const(7)), Const(-1))
    for kind in KINDS:
        func = LoopFunc("f", (flags, numbers, c), For("i", 32, Store(c, (i,), value), kind))
        check(func, [RNG.random(16) < 0.5, RNG.integers(-9, 9, 16).astype(np.int64), np.zeros(32, np.int64)])


def test_scalar_condition_becomes_a_branch_that_carries_registers(check: Check) -> None:
    """acc is written in a loop under a condition on an outer loop: a phi where the branches join, and one at the head of each loop."""
    a, c = Buffer("a", (6, 16)), Buffer("c", (6, 16))
    acc = Buffer("acc", (16,), scope="register")
    i, j, k = Var("i"), Var("j"), Var("k")

    def lanes(value: Any, buffer: Buffer, *at: Any) -> For:
        return For("j", 16, Store(buffer, (*at, j), value), LoopKind.VECTORIZED)

    add = IfThen(i < 3, For("k", 6, IfThen(binary("ne", k, i), lanes(Load(acc, (j,)) + Load(a, (k, j)), acc))))
    body = Allocate(acc, Seq((lanes(Const(0.5, FLOAT32), acc), add, lanes(Load(acc, (j,)), c, i))))
    check(LoopFunc("f", (a, c), For("i", 6, body)), [floats(6, 16), floats(6, 16)])


def test_mask_on_a_register_value(check: Check) -> None:
    a, c = Buffer("a", (4, 16)), Buffer("c", (16,))
    acc = Buffer("acc", (16,), scope="register")
    j, k = Var("j"), Var("k")
    init = For("j", 16, Store(acc, (j,), Const(1.0, FLOAT32)), LoopKind.VECTORIZED)
    add = For("k", 4, For("j", 16, IfThen(j < k * 4 + 2, Store(acc, (j,), Load(acc, (j,)) + Load(a, (k, j)))), LoopKind.VECTORIZED))
    out = For("j", 16, Store(c, (j,), Load(acc, (j,))), LoopKind.VECTORIZED)
    check(LoopFunc("f", (a, c), Allocate(acc, Seq((init, add, out)))), [floats(4, 16), floats(16)])
