"""Expressions share nodes, and rewriting keeps it so: few nodes stand for what would be a huge tree."""

from compiler.loop_ir import simplify
from compiler.te import Buffer, Const, Expr, Load, Var, children, minimum, names_in, rewrite, substitute, substituter
from compiler.tensor_type import INT64

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


def test_equal_expressions_are_simplified_alike() -> None:
    first, second = (simplify(doubled(Var("i") % 8 + Var("j"), times=10), {"i": (0, 99)}) for _ in range(2))
    assert first == second
    assert distinct(first) == distinct(second)


def test_names_of_a_huge_tree() -> None:
    names = names_in(doubled(Load(Buffer("a", (4,), INT64), (Var("i"),)) + Var("j")))
    assert (names.variables, names.buffers, names.ordered) == ({"i", "j"}, {"a"}, ("i", "j"))
    assert names.nodes > 2**DOUBLINGS


def test_one_rewriter_sees_a_node_of_two_expressions_once() -> None:
    shared = Var("i") + 1
    move = substituter({"i": Var("j")})
    assert children(move(shared * 2))[0] is children(move(shared * 3))[0]
    untouched = Var("k") * 2
    assert move(untouched) is untouched


def test_simplifying_keeps_nodes_shared() -> None:
    expr = doubled(Var("i") % 8, times=6)
    simplified = simplify(expr, {"i": (-99, 99)})
    assert distinct(simplified) <= 2 * distinct(expr)
