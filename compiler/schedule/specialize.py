"""specialize: a version of a loop's body for the iterations that stay clear of all borders."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import (
    For,
    IfThen,
    Linear,
    LoopFunc,
    LoopKind,
    Range,
    Stmt,
    Update,
    expressions,
    linear,
    linear_bounds,
    map_statement,
    seq,
    simplify,
    walk_statements,
)
from compiler.schedule.locate import find_loop, loop_ranges, path_to, replace
from compiler.schedule.step import register_step
from compiler.te import Binary, Call, Const, Expr, Load, Select, distinct_nodes, logical_or, names_in, rewrite
from compiler.tensor_type import BOOL


@register_step
@dataclass(frozen=True, slots=True)
class Specialize:
    """Two versions of a loop's body: one for the iterations in which the guards of its loads hold whatever the loops inside do, without
    these guards, and the body as it is for the others. What follows must not name the loops inside, of which there are two now.

    for i in range(0, 9):                                for i in range(0, 9):
        for k in range(0, 3):                                if not (i < 1 or 7 < i):
            b[i, k] = select(1 <= i + k < 10,      ->            for k in range(0, 3):
                             a[i + k - 1], 0)                        b[i, k] = a[i + k - 1]
                                                             if i < 1 or 7 < i:
                                                                 for k in range(0, 3):
                                                                     b[i, k] = select(...)
    """

    kind: ClassVar[str] = "specialize"
    loop: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        loop = find_loop(func, self.loop)
        if loop.kind is LoopKind.VECTORIZED:
            raise ScheduleError(f"specialize: {self.loop!r} is a vector, which has one body")
        around = [stmt for stmt in path_to(func.body, loop) or () if isinstance(stmt, For)]
        outer = {stmt.name: (stmt.start, stmt.start + stmt.extent - 1) for stmt in around}
        inner = loop_ranges(loop.body)
        body = map_statement(loop.body, lambda _: None, lambda expr: simplify(expr, {**outer, **inner}))
        guards = list(dict.fromkeys(_load_guards(body)))
        settled = {guard: limit for guard in guards if (limit := _always(guard, outer, inner)) is not None}
        if not settled:
            return func
        border: Expr = Const(False, BOOL)
        for terms, most in _strictest(settled.values()).items():
            border = logical_or(border, Binary("lt", Const(most), Linear(terms, 0).expr()))

        def clear(expr: Expr) -> Expr:
            return rewrite(expr, lambda node: Const(True, BOOL) if node in settled else None)

        inside = map_statement(body, _own_update, clear)
        versions = seq(IfThen(Call("not", (border,)), inside), IfThen(border, body))
        new = For(loop.name, loop.extent, versions, loop.kind, loop.reduce, loop.start)
        return LoopFunc(func.name, func.params, replace(func.body, loop, new))


def _own_update(stmt: Stmt) -> Stmt | None:
    """A copy, since lowering tells the updates of a reduction apart by identity."""
    return Update(stmt.buffer, stmt.indices, stmt.combiner, stmt.value) if isinstance(stmt, Update) else None


Limit = tuple[tuple[tuple[Expr, int], ...], int]
"""(terms, limit): terms <= limit."""


def _load_guards(stmt: Stmt) -> Iterator[Expr]:
    for sub in walk_statements(stmt):
        for expr in expressions(sub):
            for node in distinct_nodes(expr):
                if isinstance(node, Select) and isinstance(node.then, Load):
                    yield from _conjuncts(node.condition)


def _conjuncts(condition: Expr) -> Iterator[Expr]:
    match condition:
        case Binary("and", a, b):
            yield from _conjuncts(a)
            yield from _conjuncts(b)
        case Binary("lt", _, _):
            yield condition


def _always(guard: Expr, outer: dict[str, Range], inner: dict[str, Range]) -> Limit | None:
    """What must hold outside so that `guard` holds for all of the inner loops; None where that cannot be told."""
    assert isinstance(guard, Binary)
    form = linear(guard.a).plus(linear(guard.b), -1)
    fixed: list[tuple[Expr, int]] = []
    varying: list[tuple[Expr, int]] = []
    for atom, factor in form.terms:
        (fixed if names_in(atom).variables.isdisjoint(inner) else varying).append((atom, factor))
    limits = linear_bounds(Linear(tuple(varying), form.constant), {**outer, **inner})
    if limits is None or not fixed:
        return None
    return tuple(fixed), -1 - limits[1]


def _strictest(limits: Iterable[Limit]) -> dict[tuple[tuple[Expr, int], ...], int]:
    """The smallest limit of each sum of terms."""
    found: dict[tuple[tuple[Expr, int], ...], int] = {}
    for terms, limit in limits:
        found[terms] = min(limit, found.get(terms, limit))
    return found
