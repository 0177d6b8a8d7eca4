"""Scalar expressions: dtypes, folding, traversal."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.te import (
    Axis,
    Binary,
    Buffer,
    Call,
    Cast,
    Const,
    Expr,
    Load,
    Reduce,
    Select,
    Var,
    as_expr,
    binary,
    call,
    cast,
    children,
    equal,
    logical_and,
    logical_or,
    not_equal,
    power,
    rewrite,
    select,
    substitute,
    walk,
    with_children,
)
from compiler.tensor_type import BOOL, FLOAT32, INT32, INT64

N, M = Var("n"), Var("m")
X = Load(Buffer("x", (8,)), (N,))
TRUE, FALSE = Const(True, BOOL), Const(False, BOOL)


def test_operators_build_nodes() -> None:
    assert Binary("add", N, Const(1)) == N + 1
    assert Binary("add", Const(1), N) == 1 + N
    assert Binary("sub", Const(3.0, FLOAT32), X) == 3 - X
    assert Binary("div", Const(2.0, FLOAT32), X) == 2 / X
    assert Binary("mul", X, Const(2.0, FLOAT32)) == X * 2
    assert Binary("sub", Const(0.0, FLOAT32), X) == -X
    assert Binary("mod", Binary("floordiv", N, Const(4)), Const(2)) == N // 4 % 2
    assert [(N < 1).op, (N <= 1).op, (N > 1).op, (N >= 1).op] == ["lt", "le", "gt", "ge"]
    assert equal(N, 1) == Binary("eq", N, Const(1))
    assert not_equal(1, N) == Binary("ne", Const(1), N)


def test_dtypes() -> None:
    assert (N + 1).dtype == INT64
    assert (X + 1).dtype == FLOAT32
    assert (X < 1).dtype == BOOL
    assert power(X, 2).dtype == FLOAT32
    assert call("exp", X).dtype == FLOAT32
    assert call("isnan", X).dtype == BOOL
    assert call("not", X < 1).dtype == BOOL
    assert cast(INT32, X).dtype == INT32
    assert select(X < 1, 0.0, X).dtype == FLOAT32
    assert Reduce("sum", X, (Axis("n", 8),)).dtype == FLOAT32


def test_numbers_take_the_dtype_asked_for() -> None:
    assert as_expr(3, FLOAT32) == Const(3.0, FLOAT32)
    assert as_expr(2.0, INT32) == Const(2, INT32)
    assert as_expr(np.float32(0.5), FLOAT32) == Const(0.5, FLOAT32)
    assert as_expr(1, BOOL) == TRUE
    assert as_expr(np.bool_(False), FLOAT32) == FALSE
    assert as_expr(Axis("n", 4), INT64) == N
    assert as_expr(X, INT64) is X


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (N + 0, N),
        (0 + N, N),
        (N - 0, N),
        (N * 1, N),
        (1 * N, N),
        (N // 1, N),
        (N * 0, Const(0)),
        (0 * N, Const(0)),
        (N % 1, Const(0)),
        (logical_and(), TRUE),
        (logical_and(N < 1, True), N < 1),
        (logical_and(True, N < 1), N < 1),
        (logical_and(N < 1, False), FALSE),
        (logical_or(N < 1, False), N < 1),
        (logical_or(True, N < 1), TRUE),
        (select(True, X, 0.0), X),
        (select(Const(1) < 0, X, 0.5), Const(0.5, FLOAT32)),
        (cast(FLOAT32, X), X),
    ],
)
def test_neutral_elements_vanish(expr: Expr, expected: Expr) -> None:
    assert expr == expected


def test_float_arithmetic_is_never_folded() -> None:
    assert Binary("mul", X, Const(0.0, FLOAT32)) == X * 0
    assert Binary("add", X, Const(0.0, FLOAT32)) == X + 0


INTEGER_OPS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "min": min,
    "max": max,
    "lt": lambda a, b: a < b,
    "ge": lambda a, b: a >= b,
    "ne": lambda a, b: a != b,
}


@given(st.sampled_from(sorted(INTEGER_OPS)), st.integers(-20, 20), st.integers(1, 20))
def test_integer_constants_fold_as_python(op: Any, a: int, b: int) -> None:
    result = binary(op, Const(a), Const(b))
    assert isinstance(result, Const)
    assert result.value == INTEGER_OPS[op](a, b)


def test_division_by_constant_zero_stays() -> None:
    assert binary("floordiv", Const(1), Const(0)) == Binary("floordiv", Const(1), Const(0))
    assert binary("mod", Const(1), Const(0)) == Binary("mod", Const(1), Const(0))


def test_unknown_function_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"unknown function 'cbrt'; known: abs, acos, .*, tanh"):
        call("cbrt", X)


EVERY_NODE = Select(
    Binary("lt", N, M),
    Call("exp", (Cast(FLOAT32, N),)),
    Reduce("max", Load(Buffer("y", (2, 2)), (N, M)), (Axis("m", 2),)),
)


def test_walk_gives_parents_first() -> None:
    kinds = [type(node).__name__ for node in walk(EVERY_NODE)]
    assert kinds == ["Select", "Binary", "Var", "Var", "Call", "Cast", "Var", "Reduce", "Load", "Var", "Var"]


def test_with_children_is_the_inverse_of_children() -> None:
    for node in walk(EVERY_NODE):
        assert with_children(node, children(node)) == node


def test_rewrite_shares_what_does_not_change() -> None:
    assert rewrite(EVERY_NODE, lambda _: None) is EVERY_NODE
    doubled = rewrite(X * 2, lambda node: Const(3.0, FLOAT32) if node == Const(2.0, FLOAT32) else None)
    assert doubled == X * 3


def test_substitute_folds_what_becomes_constant() -> None:
    assert substitute((N + 3) * 2, {"n": Const(1)}) == Const(8)
    assert substitute(select(N < 2, X, 0.0), {"n": Const(5)}) == Const(0.0, FLOAT32)
    assert substitute(X, {"n": M * 2 + 1}) == Load(X.buffer, (M * 2 + 1,))
    assert substitute(EVERY_NODE, {}) is EVERY_NODE
