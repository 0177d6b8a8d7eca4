"""Cut loops where a guard inside them stops being always true, so that the main part needs no guard."""

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
    linear,
    linear_bounds,
    seq,
    simplify_stmt,
    walk_statements,
)
from compiler.te import Binary, Expr, Var, walk


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
            cut = None if kind is LoopKind.VECTORIZED else _cut(stmt)
            if cut is None:
                return For(name, extent, _peel(body, {**ranges, name: (start, start + extent - 1)}), kind, reduce, start)
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


def _cut(loop: For) -> int | None:
    """Where to cut `loop`: the smallest point strictly inside it at which some guard changes between always true and not."""
    inner: dict[str, Range] = {}
    guards: list[Expr] = []
    for sub in walk_statements(loop.body):
        if isinstance(sub, For):
            inner[sub.name] = (sub.start, sub.start + sub.extent - 1)
        elif isinstance(sub, IfThen):
            guards.append(sub.condition)
    cuts = (point for guard in guards for point in _thresholds(guard, loop, inner))
    return min((point for point in cuts if loop.start < point < loop.start + loop.extent), default=None)


def _thresholds(condition: Expr, loop: For, inner: dict[str, Range]) -> list[int]:
    """Values of the loop's variable at which `condition` starts or stops to hold whatever the inner loops do."""
    match condition:
        case Binary("and", a, b):
            return [*_thresholds(a, loop, inner), *_thresholds(b, loop, inner)]
        case Binary("lt", a, b):
            form = linear(a).plus(linear(b), -1)
        case _:
            return []
    own = dict(form.terms).get(loop.var, 0)
    rest = Linear(tuple((atom, k) for atom, k in form.terms if atom != loop.var), form.constant)
    others = {node.name for atom, _ in rest.terms for node in walk(atom) if isinstance(node, Var)}
    limits = linear_bounds(rest, inner)
    if own == 0 or limits is None or loop.name in others:
        return []
    high = limits[1]
    return [-(high // own)] if own > 0 else [high // -own + 1]
