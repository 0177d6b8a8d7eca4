"""Expressions share nodes, and rewriting keeps it so: few nodes stand for what would be a huge tree."""

from compiler.loop_ir import simplify
from compiler.te import Const, Expr, Var, children, minimum, rewrite, substitute

DOUBLINGS = 60


def doubled(expr: Expr, times: int = DOUBLINGS) -> Expr:
    """2**times occurrences of `expr`."""
    for _ in range(times):
        expr = minimum(expr * 3, expr + 1)
    return expr


def distinct(expr: Expr) -> int:
    seen: dict[int, Expr] = {}
    pending = [expr]
    while pending:
        node = pending.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            pending.extend(children(node))
    return len(seen)


def test_a_rule_sees_a_shared_node_once() -> None:
    calls = 0

    def count(_: Expr) -> None:
        nonlocal calls
        calls += 1

    expr = doubled(Var("i"))
    assert rewrite(expr, count) is expr
    assert calls <= distinct(expr)


def test_rewriting_keeps_nodes_shared() -> None:
    expr = doubled(Var("i"))
    moved = substitute(expr, {"i": Var("j")})
    assert distinct(moved) == distinct(expr)
    assert simplify(substitute(expr, {"i": Const(7)}), {}) == Const(7 + DOUBLINGS)


def test_simplifying_keeps_nodes_shared() -> None:
    expr = doubled(Var("i") % 8, times=6)
    simplified = simplify(expr, {"i": (-99, 99)})
    assert distinct(simplified) <= 2 * distinct(expr)
