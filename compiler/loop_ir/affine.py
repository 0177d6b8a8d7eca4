"""Integer index arithmetic: linear forms, ranges, and the simplifier that every pass uses.

A linear form is `constant + sum(coefficient * atom)`, where an atom is a variable or an expression that is not linear (a floordiv, a mod,
a load). Ranges map variable names to inclusive (low, high).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from compiler.te import COMPARISONS, Binary, BinaryOp, Const, Expr, Select, Var, children, names_in, with_children
from compiler.tensor_type import BOOL, INT64

Range = tuple[int, int]
Ranges = Mapping[str, Range]

MEMORY = 1 << 14  # simplified expressions kept, of some 500 bytes
MAX_KEPT_NODES = 200  # of an expression that is kept: equal ones are compared node by node, shared ones again and again


@dataclass(frozen=True, slots=True)
class Linear:
    """terms: (atom, coefficient) in the order of first occurrence, no zero coefficients."""

    terms: tuple[tuple[Expr, int], ...]
    constant: int

    def plus(self, other: "Linear", factor: int = 1) -> "Linear":
        terms = dict(self.terms)
        for atom, coefficient in other.terms:
            terms[atom] = terms.get(atom, 0) + factor * coefficient
        return Linear(tuple((atom, k) for atom, k in terms.items() if k), self.constant + factor * other.constant)

    def times(self, factor: int) -> "Linear":
        if factor == 0:
            return Linear((), 0)
        return Linear(tuple((atom, k * factor) for atom, k in self.terms), self.constant * factor)

    def expr(self) -> Expr:
        result: Expr | None = None
        for atom, coefficient in self.terms:
            if coefficient < 0 and result is not None:
                result = Binary("sub", result, _scaled(atom, -coefficient))
            else:
                term = _scaled(atom, coefficient)
                result = term if result is None else Binary("add", result, term)
        if result is None:
            return Const(self.constant)
        if self.constant == 0:
            return result
        return Binary("sub", result, Const(-self.constant)) if self.constant < 0 else Binary("add", result, Const(self.constant))


def _scaled(atom: Expr, coefficient: int) -> Expr:
    return atom if coefficient == 1 else Binary("mul", atom, Const(coefficient))


def linear(expr: Expr) -> Linear:
    """The linear form of an integer expression; never fails, since anything can be an atom."""
    terms: dict[Expr, int] = {}
    constant = _add_to(terms, expr, 1)
    return Linear(tuple(terms.items()), constant)


def _add_to(terms: dict[Expr, int], expr: Expr, factor: int) -> int:
    """Adds factor * expr, its constant left out, which is returned."""
    if isinstance(expr, Const):
        return factor * int(expr.value)
    if isinstance(expr, Binary):
        if expr.op == "add":
            return _add_to(terms, expr.a, factor) + _add_to(terms, expr.b, factor)
        if expr.op == "sub":
            return _add_to(terms, expr.a, factor) + _add_to(terms, expr.b, -factor)
        if expr.op == "mul":
            for x, y in ((expr.a, linear(expr.b)), (expr.b, linear(expr.a))):
                if not y.terms:
                    return _add_to(terms, x, factor * y.constant) if y.constant else 0
    _add_term(terms, expr, factor)
    return 0


def _add_term(terms: dict[Expr, int], atom: Expr, factor: int) -> None:
    coefficient = terms.get(atom, 0) + factor
    if coefficient:
        terms[atom] = coefficient
    else:
        del terms[atom]


def bounds(expr: Expr, ranges: Ranges) -> Range | None:
    """Inclusive bounds of an integer expression, or None where it is unbounded (a load, an unknown variable)."""
    match expr:
        case Const(value):
            return int(value), int(value)
        case Var(name):
            return ranges.get(name)
        case Binary("floordiv", a, Const(divisor)):
            inner = bounds(a, ranges)
            return None if inner is None else (inner[0] // int(divisor), inner[1] // int(divisor))
        case Binary("mod", a, Const(divisor)):
            inner = bounds(a, ranges)
            if inner is not None and inner[0] // int(divisor) == inner[1] // int(divisor):
                return inner[0] % int(divisor), inner[1] % int(divisor)
            return 0, int(divisor) - 1
        case Binary("min", a, b):
            x, y = bounds(a, ranges), bounds(b, ranges)
            return None if x is None or y is None else (min(x[0], y[0]), min(x[1], y[1]))
        case Binary("max", a, b):
            x, y = bounds(a, ranges), bounds(b, ranges)
            return None if x is None or y is None else (max(x[0], y[0]), max(x[1], y[1]))
        case Binary("add" | "sub" | "mul", _, _):
            form = linear(expr)
            return None if len(form.terms) == 1 and form.terms[0][0] == expr else linear_bounds(form, ranges)
        case Select(_, then, otherwise):
            x, y = bounds(then, ranges), bounds(otherwise, ranges)
            return None if x is None or y is None else (min(x[0], y[0]), max(x[1], y[1]))
    return None


def linear_bounds(form: Linear, ranges: Ranges) -> Range | None:
    low = high = form.constant
    for atom, coefficient in form.terms:
        inner = bounds(atom, ranges)
        if inner is None:
            return None
        first, second = coefficient * inner[0], coefficient * inner[1]
        low, high = low + min(first, second), high + max(first, second)
    return low, high


def _merge_quotients(form: Linear) -> Linear:
    """`k*c*(x // c) + k*(x % c)` -> `k*x`, until nothing changes."""
    terms = dict(form.terms)
    for atom, k in form.terms:
        match atom:
            case Binary("mod", x, Const(c)):
                quotient = _divide(linear(x), int(c), {}).expr()
                if terms.get(quotient) == k * int(c) and quotient != Const(0):
                    del terms[atom], terms[quotient]
                    rest = Linear(tuple(terms.items()), form.constant)
                    return _merge_quotients(rest.plus(linear(x), k))
    return form


def _divide(form: Linear, divisor: int, ranges: Ranges) -> Linear:
    whole = Linear(tuple((atom, k // divisor) for atom, k in form.terms if k % divisor == 0), form.constant // divisor)
    rest = Linear(tuple((atom, k) for atom, k in form.terms if k % divisor), form.constant % divisor)
    limits = linear_bounds(rest, ranges)
    if limits is not None and limits[0] // divisor == limits[1] // divisor:
        return whole.plus(Linear((), limits[0] // divisor))
    numerator = rest.expr()
    match numerator:
        case Binary("floordiv", inner, Const(c)):
            return whole.plus(_divide(linear(inner), int(c) * divisor, ranges))
    return whole.plus(Linear(((Binary("floordiv", numerator, Const(divisor)), 1),), 0))


def _modulo(form: Linear, divisor: int, ranges: Ranges) -> Linear:
    rest = Linear(tuple((atom, k % divisor) for atom, k in form.terms if k % divisor), form.constant % divisor)
    keep = Linear(tuple((atom, k) for atom, k in form.terms if k % divisor), form.constant)
    for candidate in (keep, rest):
        limits = linear_bounds(candidate, ranges)
        if limits is not None and limits[0] // divisor == limits[1] // divisor:
            return candidate.plus(Linear((), -(limits[0] // divisor) * divisor))
    return Linear(((Binary("mod", rest.expr(), Const(divisor)), 1),), 0)


def _simplify_comparison(op: BinaryOp, a: Expr, b: Expr, ranges: Ranges) -> Expr:
    """A comparison of integers as a constant, or as `terms < constant`, `constant < atom`, `terms == constant`, `terms != constant`."""
    left, right = (b, a) if op in ("gt", "ge") else (a, b)
    form = _merge_quotients(linear(left).plus(linear(right), -1))
    if op in ("le", "ge"):
        form = form.plus(Linear((), -1))
    limits = linear_bounds(form, ranges)
    if limits is None and (names_in(a).buffers or names_in(b).buffers):
        return Binary(op, a, b)  # the difference of two elements of a tensor may overflow
    terms = Linear(form.terms, 0).expr()
    if op in ("eq", "ne"):
        if limits is not None and (limits[0] > 0 or limits[1] < 0 or limits == (0, 0)):
            return Const((limits == (0, 0)) == (op == "eq"), BOOL)
        return Binary(op, terms, Const(-form.constant))
    if limits is not None and (limits[1] < 0 or limits[0] >= 0):
        return Const(limits[1] < 0, BOOL)
    if len(form.terms) == 1:
        atom, k = form.terms[0]
        if k > 0:
            return Binary("lt", atom, Const(-(form.constant // k)))
        return Binary("lt", Const(form.constant // -k), atom)
    return Binary("lt", terms, Const(-form.constant))


def _simplify_integer(expr: Binary, ranges: Ranges) -> Expr:
    match expr:
        case Binary("add" | "sub" | "mul", _, _):
            return _merge_quotients(linear(expr)).expr()
        case Binary("floordiv", a, Const(divisor)):
            return _merge_quotients(_divide(linear(a), int(divisor), ranges)).expr()
        case Binary("mod", a, Const(divisor)):
            return _merge_quotients(_modulo(linear(a), int(divisor), ranges)).expr()
        case Binary("min" | "max" as op, a, b):
            limits = linear_bounds(linear(a).plus(linear(b), -1), ranges)
            if limits is not None and limits[1] <= 0:
                return a if op == "min" else b
            if limits is not None and limits[0] >= 0:
                return b if op == "min" else a
    return expr


def simplify(expr: Expr, ranges: Ranges) -> Expr:
    """An equal expression for all values of the variables within `ranges`, `expr` itself where nothing is simpler.

    Index arithmetic comes out linear.
    """
    return _simplify(expr, ranges, {})


def _simplify(expr: Expr, ranges: Ranges, done: dict[int, Expr]) -> Expr:
    """done: results by the identity of nodes, which the root keeps alive."""
    if isinstance(expr, Const):
        return expr
    if isinstance(expr, Var):
        limits = ranges.get(expr.name)
        return Const(limits[0], INT64) if limits is not None and limits[0] == limits[1] else expr
    found = done.get(id(expr))
    if found is None:
        names = names_in(expr)
        if isinstance(expr, Binary) and names.nodes <= MAX_KEPT_NODES and expr.a.dtype == INT64:
            found = _simplified(expr, tuple([ranges.get(name) for name in names.ordered]))
        else:
            found = _simplify_node(expr, ranges, done)
        done[id(expr)] = found
    return found


@lru_cache(maxsize=MEMORY)
def _simplified(expr: Binary, limits: tuple[Range | None, ...]) -> Expr:
    """Of index arithmetic under the ranges of its variables, by name. The same few expressions occur in all passes and candidates."""
    ranges = {name: limit for name, limit in zip(names_in(expr).ordered, limits, strict=True) if limit is not None}
    found = _simplify_node(expr, ranges, {})
    return expr if found == expr else found


def _simplify_node(expr: Expr, ranges: Ranges, done: dict[int, Expr]) -> Expr:
    if isinstance(expr, Select):
        condition = _simplify(expr.condition, ranges, done)
        if isinstance(condition, Const):
            return _simplify(expr.then if condition.value else expr.otherwise, ranges, done)
    elif isinstance(expr, Binary) and expr.op in ("add", "sub", "mul") and expr.dtype == INT64:
        terms: dict[Expr, int] = {}
        constant = _simplify_terms(terms, expr, 1, ranges, done)
        if constant is not None:
            return Linear(tuple(terms.items()), constant).expr()
    old = children(expr)
    new = tuple([_simplify(child, ranges, done) for child in old])
    for before, after in zip(old, new, strict=True):
        if before is not after:
            expr = with_children(expr, new)
            break
    if isinstance(expr, Binary):
        dtype = expr.a.dtype
        if dtype == INT64 and expr.op in COMPARISONS:
            return _simplify_comparison(expr.op, expr.a, expr.b, ranges)
        if dtype == INT64:
            return _simplify_integer(expr, ranges)
    return expr


def _simplify_terms(terms: dict[Expr, int], expr: Expr, factor: int, ranges: Ranges, done: dict[int, Expr]) -> int | None:
    """As `_add_to`, with simplified atoms; None where that takes more: remainders are merged with quotients sum by sum."""
    if isinstance(expr, Binary):
        parts: tuple[tuple[Expr, int], ...] = ()
        if expr.op == "add":
            parts = ((expr.a, factor), (expr.b, factor))
        elif expr.op == "sub":
            parts = ((expr.a, factor), (expr.b, -factor))
        elif expr.op == "mul" and isinstance(expr.b, Const) and expr.b.value:
            parts = ((expr.a, factor * int(expr.b.value)),)
        if parts:
            constant = 0
            for part, scale in parts:
                found = _simplify_terms(terms, part, scale, ranges, done)
                if found is None:
                    return None
                constant += found
            return constant
        if expr.op == "mul":
            return None
    simple = _simplify(expr, ranges, done)
    if isinstance(simple, Binary) and simple.op not in ("floordiv", "min", "max"):
        return None
    return _add_to(terms, simple, factor)
