"""The simplifier keeps values: drawn index expressions and conditions, before and after, at every point of their ranges."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.loop_ir import (
    For,
    IfThen,
    LoopFunc,
    Stmt,
    Store,
    bounds,
    interpret,
    print_stmt,
    simplify,
    simplify_func,
    simplify_stmt,
    verify,
)
from compiler.te import Buffer, Cast, Const, Expr, Load, Var, binary, select
from compiler.tensor_type import FLOAT32, INT64

N, M, K = Var("n"), Var("m"), Var("k")
RANGES = {"n": (0, 4), "m": (-3, 2), "k": (7, 7)}


def values(expr: Expr) -> np.ndarray:
    """The expression at every point of RANGES, by the interpreter."""
    out = Buffer("out", (5, 6, 1), INT64)
    body: Stmt = Store(out, (N, M + 3, K - 7), expr if expr.dtype == INT64 else Cast(INT64, expr))
    for name, (low, high) in RANGES.items():
        body = For(name, high - low + 1, body, start=low)
    result = np.zeros(out.shape, np.int64)
    interpret(verify(LoopFunc("f", (out,), body)), [result])
    return result


LEAVES = st.one_of(st.sampled_from([N, M, K]), st.integers(-9, 9).map(Const))


def grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    divisor = st.integers(1, 8).map(Const)
    pair = st.tuples(inner, inner)
    condition = st.tuples(st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]), inner, inner).map(lambda t: binary(*t))
    return st.one_of(
        st.tuples(st.sampled_from(["add", "sub", "min", "max"]), pair).map(lambda t: binary(t[0], *t[1])),
        st.tuples(inner, st.integers(-5, 5)).map(lambda t: binary("mul", *t)),
        st.tuples(st.sampled_from(["floordiv", "mod"]), inner, divisor).map(lambda t: binary(*t)),
        st.tuples(condition, inner, inner).map(lambda t: select(*t)),
    )


INDICES = st.recursive(LEAVES, grow, max_leaves=10)


@settings(max_examples=300, deadline=None)
@given(INDICES)
def test_index_expressions_keep_their_values(expr: Expr) -> None:
    np.testing.assert_array_equal(values(simplify(expr, RANGES)), values(expr))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]), INDICES, INDICES)
def test_conditions_keep_their_values(op: str, a: Expr, b: Expr) -> None:
    condition = binary(op, a, b)  # type: ignore[arg-type]
    np.testing.assert_array_equal(values(simplify(condition, RANGES)), values(condition))


@settings(max_examples=200, deadline=None)
@given(INDICES)
def test_bounds_hold(expr: Expr) -> None:
    limits = bounds(expr, RANGES)
    assert limits is not None
    found = values(expr)
    assert limits[0] <= found.min()
    assert found.max() <= limits[1]


def test_split_indices_come_together_again() -> None:
    outer, inner = Var("o"), Var("i")
    ranges = {"o": (0, 6), "i": (0, 3)}
    fused = outer * 4 + inner
    assert simplify(fused // 4, ranges) == outer
    assert simplify(fused % 4, ranges) == inner
    assert simplify((fused // 8) * 8 + fused % 8, ranges) == fused
    assert simplify(fused < 28, ranges) == Const(True, np.dtype(bool))


def test_guards_narrow_their_loop() -> None:
    y = Buffer("y", (10,))
    body = For("n", 10, IfThen(N + 2 < 9, IfThen(N >= 3, Store(y, (N,), Const(1.0, FLOAT32)))))
    assert print_stmt(simplify_stmt(body, {})).splitlines() == ["for n in range(3, 7):", "    y[n] = 1.0"]
    assert print_stmt(simplify_stmt(For("n", 10, IfThen(N < 0, Store(y, (N,), Const(1.0, FLOAT32)))), {})) == "pass"


def test_simplified_functions_compute_the_same() -> None:
    x, y = Buffer("x", (4, 5)), Buffer("y", (20,))
    guarded = IfThen(N * 4 + M < 20, Store(y, (N * 4 + M,), Load(x, ((N * 4 + M) // 5, (N * 4 + M) % 5))))
    func = verify(LoopFunc("f", (x, y), For("n", 6, For("m", 4, For("k", 1, guarded)))))
    data = np.arange(20, dtype=np.float32).reshape(4, 5)
    for each in (func, verify(simplify_func(func))):
        result = np.full(20, np.nan, np.float32)
        interpret(each, [data, result])
        np.testing.assert_array_equal(result, data.ravel())
    assert "for k" not in print_stmt(simplify_func(func).body)


def test_ranges_are_inclusive() -> None:
    for low, high in product(range(-3, 3), range(3)):
        assert bounds(N * -2 + 1, {"n": (low, low + high)}) == (1 - 2 * (low + high), 1 - 2 * low)
