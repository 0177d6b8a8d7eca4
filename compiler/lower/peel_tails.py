"""Cut loops where a guard inside them stops being always true, so that the main part needs no guard.

Guards are the conditions of `IfThen`, and those of a copy with a border (`a[i] = select(inside, b[i - 1], 0)`). A guard on a fused loop
speaks of a quotient or a remainder of its variable; such an atom is cut like a loop, by two versions of the body. So is the variable of a
parallel loop, whose iterations are to be shared in one go.
"""

from collections.abc import Iterator

from compiler.loop_ir import (
    Allocate,
    For,
    IfThen,
    Linear,
    LoopFunc,
    LoopKind,
    Range,
    Seq,
    Stmt,
    Store,
    Update,
    bounds,
    linear,
    linear_bounds,
    map_statement,
    seq,
    simplify_stmt,
    substitute_stmt,
    walk_statements,
)
from compiler.te import Binary, Const, Expr, Select, Var, names_in, rewrite


def peel_tails(func: LoopFunc) -> LoopFunc:
    """for i.0 in range(0, 3):                     for i.0 in range(0, 2):
    for i.1 in range(0, 4):                        for i.1 in range(0, 4):
        if i.0*4 + i.1 < 10:           ->              a[i.0*4 + i.1] = 0
            a[i.0*4 + i.1] = 0                 for i.1 in range(0, 2):
                                                   a[8 + i.1] = 0
    """
    return LoopFunc(func.name, func.params, _peel(func.body, {}))


def _peel(stmt: Stmt, ranges: dict[str, Range]) -> Stmt:
    match stmt:
        case For(name, extent, body, kind, reduce, start):
            cut = None if kind in (LoopKind.VECTORIZED, LoopKind.PARALLEL) else _cut(stmt)
            if cut is None:
                inner = {**ranges, name: (start, start + extent - 1)}
                return For(name, extent, _peel_body(stmt, body, inner), kind, reduce, start)
            parts = [For(name, cut - start, body, kind, reduce, start), For(name, start + extent - cut, body, kind, reduce, cut)]
            return seq(*(_peel(simplify_stmt(_serial_if_single(part), ranges), ranges) for part in parts))
        case IfThen(condition, body):
            return IfThen(condition, _peel(body, ranges))
        case Allocate(buffer, body):
            return Allocate(buffer, _peel(body, ranges))
        case Seq(stmts):
            return seq(*(_peel(sub, ranges) for sub in stmts))
        case Store() | Update():
            return stmt


def _serial_if_single(loop: For) -> For:
    """A parallel or unrolled loop of one iteration is a plain one; so is a reduction's, whose initialisation stands before it."""
    if loop.extent > 1 or loop.kind is LoopKind.VECTORIZED:
        return loop
    return For(loop.name, 1, loop.body, LoopKind.SERIAL, False, loop.start)


def _guards(stmt: Stmt) -> list[Expr]:
    """Conditions in `stmt`, conjunctions taken apart; those of a copy's border only where nothing else would be repeated with it."""
    tails: list[Expr] = []
    borders: list[Expr] = []
    stores = 0
    for sub in walk_statements(stmt):
        match sub:
            case IfThen(condition, _):
                tails.extend(_conjuncts(condition))
            case Store(_, _, value):
                stores += 1
                if isinstance(value, Select):
                    borders.extend(_conjuncts(value.condition))
    return tails + borders if stores == 1 else tails


def _conjuncts(condition: Expr) -> Iterator[Expr]:
    match condition:
        case Binary("and", a, b):
            yield from _conjuncts(a)
            yield from _conjuncts(b)
        case _:
            yield condition


def _inner_ranges(stmt: Stmt) -> dict[str, Range]:
    return {sub.name: (sub.start, sub.start + sub.extent - 1) for sub in walk_statements(stmt) if isinstance(sub, For)}


def _cut(loop: For) -> int | None:
    """Where to cut `loop`: the smallest point strictly inside it at which some guard changes between always true and not."""
    guards = _guards(loop.body)
    if not guards:
        return None
    inner = _inner_ranges(loop.body)
    points = (_threshold(guard, loop.var, inner) for guard in guards)
    return min((point for point in points if point is not None and loop.start < point < loop.start + loop.extent), default=None)


def _threshold(condition: Expr, atom: Expr, inner: dict[str, Range]) -> int | None:
    """The value of `atom` at which `condition` starts or stops to hold whatever the inner loops do."""
    match condition:
        case Binary("lt", a, b):
            form = linear(a).plus(linear(b), -1)
        case _:
            return None
    own = dict(form.terms).get(atom, 0)
    rest = Linear(tuple((term, k) for term, k in form.terms if term != atom), form.constant)
    limits = linear_bounds(rest, inner)
    if own == 0 or limits is None:
        return None
    return -(limits[1] // own) if own > 0 else limits[1] // -own + 1


def _peel_body(loop: For, body: Stmt, ranges: dict[str, Range]) -> Stmt:
    """The body of a loop that is not cut itself, in versions where a guard inside speaks of an atom that this loop settles."""
    if isinstance(body, Allocate) and body.buffer.scope != "register":
        return Allocate(body.buffer, _peel_body(loop, body.body, ranges))
    if isinstance(body, Seq):
        return seq(*(_peel_body(loop, sub, ranges) for sub in body.stmts))
    found = _atom_to_cut(loop, body, ranges)
    if found is None:
        return _peel(body, ranges)
    atom, point, (low, high) = found
    stand_in = Var(f"{loop.name}@{len(ranges)}")
    replaced = map_statement(body, lambda _: None, lambda expr: rewrite(expr, lambda node: stand_in if node == atom else None))
    versions: list[Stmt] = []
    for first, last, test in (
        (low, point - 1, Binary("lt", atom, Const(point))),
        (point, high, Binary("lt", Const(point - 1), atom)),
    ):
        inner = {**ranges, stand_in.name: (first, last)}
        version = _peel_body(loop, simplify_stmt(replaced, inner), inner)
        versions.append(IfThen(test, substitute_stmt(version, {stand_in.name: atom})))
    return seq(*versions)


def _atom_to_cut(loop: For, body: Stmt, ranges: dict[str, Range]) -> tuple[Expr, int, Range] | None:
    guards = _guards(body)
    if not guards:
        return None
    inner = _inner_ranges(body)
    for guard in guards:
        if not isinstance(guard, Binary) or guard.op != "lt":
            continue
        for atom, _ in linear(guard.a).plus(linear(guard.b), -1).terms:
            names = names_in(atom).variables
            limits = bounds(atom, ranges)
            settled = loop.name in names and names.isdisjoint(inner)
            if limits is None or not settled or (isinstance(atom, Var) and loop.kind is not LoopKind.PARALLEL):
                continue
            point = _threshold(guard, atom, inner)
            if point is not None and limits[0] < point <= limits[1]:
                return atom, point, limits
    return None
