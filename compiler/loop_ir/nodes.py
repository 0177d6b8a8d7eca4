"""The loop IR: the whole grammar.

    LoopFunc = (name, params: Buffer*, body: Stmt)
    Stmt = For(name, extent, body, kind, reduce, start)   name is the loop's variable; range [start, start + extent)
         | Store(buffer, indices, value)
         | Update(buffer, indices, combiner, value)       buffer[i] = combine(buffer[i], value); see below
         | IfThen(condition, body)
         | Seq(stmts)
         | Allocate(buffer, body)                         storage that lives while `body` runs
    kind = serial | unrolled | vectorized | parallel      (GPU targets add their bindings here)

Expressions are those of `compiler/te/expr.py`. Everything is immutable; a transformation is a function old -> new.

`Update` is a reduction as long as the schedule is being applied: where every enclosing loop with `reduce` set is at its start, the element
is first set to the combiner's identity. Lowering (`compiler/lower/place_reduction_init.py`) makes that initialisation explicit and leaves
plain stores. A vectorized loop has a constant extent and means that all its iterations run as lanes of one vector.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import is_

from compiler.te import Buffer, Combiner, Expr, Var


class LoopKind(StrEnum):
    SERIAL = "serial"
    UNROLLED = "unrolled"
    VECTORIZED = "vectorized"
    PARALLEL = "parallel"


@dataclass(frozen=True, slots=True)
class For:
    name: str
    extent: int
    body: "Stmt"
    kind: LoopKind = LoopKind.SERIAL
    reduce: bool = False
    start: int = 0

    @property
    def var(self) -> Var:
        return Var(self.name)


@dataclass(frozen=True, slots=True)
class Store:
    buffer: Buffer
    indices: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Update:
    buffer: Buffer
    indices: tuple[Expr, ...]
    combiner: Combiner
    value: Expr


@dataclass(frozen=True, slots=True)
class IfThen:
    condition: Expr
    body: "Stmt"


@dataclass(frozen=True, slots=True)
class Seq:
    stmts: tuple["Stmt", ...]


@dataclass(frozen=True, slots=True)
class Allocate:
    buffer: Buffer
    body: "Stmt"


Stmt = For | Store | Update | IfThen | Seq | Allocate


@dataclass(frozen=True, slots=True)
class LoopFunc:
    """A function over buffers: inputs first, then outputs (and, once lowered, the workspace)."""

    name: str
    params: tuple[Buffer, ...]
    body: Stmt


def seq(*stmts: Stmt) -> Stmt:
    """A flat sequence; a single statement stays itself."""
    flat: list[Stmt] = []
    for stmt in stmts:
        flat.extend(stmt.stmts if isinstance(stmt, Seq) else (stmt,))
    return flat[0] if len(flat) == 1 else Seq(tuple(flat))


def sub_statements(stmt: Stmt) -> tuple[Stmt, ...]:
    match stmt:
        case For() | IfThen() | Allocate():
            return (stmt.body,)
        case Seq(stmts):
            return stmts
        case Store() | Update():
            return ()


def expressions(stmt: Stmt) -> tuple[Expr, ...]:
    """The expressions that stand directly in `stmt`, not those of its sub-statements."""
    match stmt:
        case Store(_, indices, value) | Update(_, indices, _, value):
            return (*indices, value)
        case IfThen(condition, _):
            return (condition,)
        case For() | Seq() | Allocate():
            return ()


def walk_statements(stmt: Stmt) -> Iterator[Stmt]:
    """Every statement, parents first."""
    rest = [stmt]
    while rest:
        found = rest.pop()
        yield found
        if isinstance(found, For | IfThen | Allocate):
            rest.append(found.body)
        elif isinstance(found, Seq):
            rest.extend(reversed(found.stmts))


def map_statement(stmt: Stmt, rule: Callable[[Stmt], Stmt | None], on_expr: Callable[[Expr], Expr] | None = None) -> Stmt:
    """Bottom-up rewriting of statements; `on_expr` is applied to every expression first, None from `rule` leaves the node.

    What does not change stays the same node.
    """
    match stmt:
        case For(name, extent, body, kind, reduce, start):
            new = map_statement(body, rule, on_expr)
            stmt = stmt if new is body else For(name, extent, new, kind, reduce, start)
        case Allocate(buffer, body):
            new = map_statement(body, rule, on_expr)
            stmt = stmt if new is body else Allocate(buffer, new)
        case IfThen(condition, body):
            changed, new = on_expr(condition) if on_expr else condition, map_statement(body, rule, on_expr)
            stmt = stmt if changed is condition and new is body else IfThen(changed, new)
        case Seq(stmts):
            mapped = [map_statement(sub, rule, on_expr) for sub in stmts]
            stmt = stmt if _same(stmts, mapped) else seq(*mapped)
        case Store() | Update() if on_expr:
            stmt = map_expressions(stmt, on_expr)
        case _:
            pass
    result = rule(stmt)
    return stmt if result is None else result


def map_expressions(stmt: Store | Update, on_expr: Callable[[Expr], Expr]) -> Store | Update:
    """The same statement over other expressions; itself where they are the same."""
    indices, value = tuple([on_expr(index) for index in stmt.indices]), on_expr(stmt.value)
    if value is stmt.value and _same(stmt.indices, indices):
        return stmt
    if isinstance(stmt, Store):
        return Store(stmt.buffer, indices, value)
    return Update(stmt.buffer, indices, stmt.combiner, value)


def _same(old: Sequence[object], new: Sequence[object]) -> bool:
    """Whether two sequences hold the same objects."""
    return len(old) == len(new) and all(map(is_, old, new))
