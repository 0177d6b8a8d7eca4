"""Ways over expressions: sub-expressions, the names in them, rewriting. An expression is a graph: nodes are shared, and seen once.

In: an `Expr`. Out: its nodes, or another expression that shares what has not changed.
"""

from collections.abc import Callable, Iterator, Mapping
from operator import is_

from compiler.te.expr import Binary, Call, Cast, Const, Expr, Load, Names, Reduce, Select, Var, binary, select

_NONE = frozenset[str]()
_NO_NAMES = Names(_NONE, _NONE, (), 1)


def children(expr: Expr) -> tuple[Expr, ...]:
    """Direct sub-expressions, in the order of evaluation."""
    if isinstance(expr, Binary):
        return (expr.a, expr.b)
    if isinstance(expr, Const | Var):
        return ()
    if isinstance(expr, Load):
        return expr.indices
    if isinstance(expr, Select):
        return (expr.condition, expr.then, expr.otherwise)
    if isinstance(expr, Call):
        return expr.args
    return (expr.value,)


def with_children(expr: Expr, new: tuple[Expr, ...]) -> Expr:
    """The same node over other children; integer constants are folded again."""
    match expr:
        case Binary(op, _, _):
            return binary(op, new[0], new[1])
        case Const() | Var():
            return expr
        case Call(function, _):
            return Call(function, new)
        case Select():
            return select(new[0], new[1], new[2])
        case Cast(dtype, _):
            return Cast(dtype, new[0])
        case Reduce(combiner, _, axes):
            return Reduce(combiner, new[0], axes)
        case Load(buffer, _):
            return Load(buffer, new)


def walk(expr: Expr) -> Iterator[Expr]:
    """Every occurrence of a node, parents first: a shared node comes as often as it is used."""
    rest = [expr]
    while rest:
        node = rest.pop()
        yield node
        rest.extend(reversed(children(node)))


def distinct_nodes(expr: Expr) -> Iterator[Expr]:
    """Every node, parents first, a shared one where it is used first."""
    seen: set[int] = set()
    rest = [expr]
    while rest:
        node = rest.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            rest.extend(reversed(children(node)))


def names_in(expr: Expr) -> Names:
    """The variables and buffers in `expr`; found once per node."""
    try:
        return expr.names
    except AttributeError:
        found = _find_names(expr)
        object.__setattr__(expr, "names", found)
        return found


def _find_names(expr: Expr) -> Names:
    if isinstance(expr, Var):
        return Names(frozenset({expr.name}), frozenset(), (expr.name,), 1)
    inside = [names_in(child) for child in children(expr)]
    if not inside:
        return Names(_NONE, frozenset({expr.buffer.name}), (), 1) if isinstance(expr, Load) else _NO_NAMES
    largest = max(inside, key=_variable_count)
    variables, ordered = largest.variables.union(*[names.variables for names in inside]), largest.ordered
    if len(variables) > len(ordered):
        ordered = tuple(sorted(variables))
    buffers = _NONE.union(*[names.buffers for names in inside])
    if isinstance(expr, Load):
        buffers |= {expr.buffer.name}
    return Names(variables, buffers, ordered, 1 + sum([names.nodes for names in inside]))


def _variable_count(names: Names) -> int:
    return len(names.ordered)


Rule = Callable[[Expr], Expr | None]


def rewriter(rule: Rule, concerns: Callable[[Expr], bool] | None = None) -> Callable[[Expr], Expr]:
    """Bottom-up rewriting of many expressions that share nodes, each of which is seen once.

    rule: sees each node after its children; None leaves the node. concerns: whether anything can change in a node or below it; where it
    says no, nothing is looked at.
    """
    done: dict[int, tuple[Expr, Expr]] = {}

    def rewritten(expr: Expr) -> Expr:
        found = done.get(id(expr))
        if found is not None:
            return found[1]
        if concerns is not None and not concerns(expr):
            return expr
        result = expr
        old = children(expr)
        if old:
            new = tuple([rewritten(child) for child in old])
            if not all(map(is_, old, new)):
                result = with_children(expr, new)
        ruled = rule(result)
        if ruled is not None:
            result = ruled
        done[id(expr)] = expr, result
        return result

    return rewritten


def rewrite(expr: Expr, rule: Rule, concerns: Callable[[Expr], bool] | None = None) -> Expr:
    """`rewriter` for one expression."""
    return rewriter(rule, concerns)(expr)


def substituter(values: Mapping[str, Expr]) -> Callable[[Expr], Expr]:
    """Replaces variables by name in many expressions."""
    return rewriter(
        lambda node: values.get(node.name) if isinstance(node, Var) else None,
        lambda node: not names_in(node).variables.isdisjoint(values),
    )


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """`substituter` for one expression."""
    return substituter(values)(expr)
