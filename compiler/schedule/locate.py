"""Find and replace loops and stages by name; what every step is written with.

A stage is the statement that fills one buffer: the outermost statement that holds all its stores and none of another buffer's.
"""

from collections.abc import Callable, Iterator

from compiler.errors import ScheduleError
from compiler.loop_ir import (
    Allocate,
    For,
    IfThen,
    LoopFunc,
    Range,
    Seq,
    Stmt,
    Store,
    Update,
    expressions,
    map_statement,
    seq,
    walk_statements,
)
from compiler.te import Buffer, Expr, Load, distinct_nodes, names_in, rewriter


def loop_names(stmt: Stmt) -> list[str]:
    return [sub.name for sub in walk_statements(stmt) if isinstance(sub, For)]


def loop_ranges(stmt: Stmt) -> dict[str, Range]:
    """Inclusive range of every loop in `stmt`."""
    return {sub.name: (sub.start, sub.start + sub.extent - 1) for sub in walk_statements(stmt) if isinstance(sub, For)}


def find_loop(func: LoopFunc, name: str) -> For:
    found = [sub for sub in walk_statements(func.body) if isinstance(sub, For) and sub.name == name]
    if len(found) != 1:
        raise ScheduleError(f"no loop {name!r}; the loops are {', '.join(loop_names(func.body))}")
    return found[0]


def replace(stmt: Stmt, old: Stmt, new: Stmt) -> Stmt:
    """`stmt` with the one node `old` (by identity) exchanged for `new`."""
    if stmt is old:
        return new
    match stmt:
        case For(name, extent, body, kind, reduce, start):
            inner = replace(body, old, new)
            return stmt if inner is body else For(name, extent, inner, kind, reduce, start)
        case IfThen(condition, body):
            inner = replace(body, old, new)
            return stmt if inner is body else IfThen(condition, inner)
        case Allocate(buffer, body):
            inner = replace(body, old, new)
            return stmt if inner is body else Allocate(buffer, inner)
        case Seq(stmts):
            inner_stmts = tuple(replace(sub, old, new) for sub in stmts)
            return stmt if all(a is b for a, b in zip(inner_stmts, stmts, strict=True)) else seq(*inner_stmts)
        case Store() | Update():
            return stmt


def rewrite_loop(func: LoopFunc, name: str, rule: Callable[[For], Stmt]) -> LoopFunc:
    loop = find_loop(func, name)
    return LoopFunc(func.name, func.params, replace(func.body, loop, rule(loop)))


def path_to(stmt: Stmt, target: Stmt) -> tuple[Stmt, ...] | None:
    """The statements from `stmt` down to `target` (by identity), both included."""
    if stmt is target:
        return (stmt,)
    match stmt:
        case For() | IfThen() | Allocate():
            inner = path_to(stmt.body, target)
            return None if inner is None else (stmt, *inner)
        case Seq(stmts):
            for sub in stmts:
                inner = path_to(sub, target)
                if inner is not None:
                    return (stmt, *inner)
    return None


def written(stmt: Stmt) -> set[str]:
    """Names of the buffers that `stmt` writes."""
    return {sub.buffer.name for sub in walk_statements(stmt) if isinstance(sub, Store | Update)}


def loads(stmt: Stmt, name: str) -> Iterator[Load]:
    """The loads of the buffer `name`, each once per expression that it stands in."""
    for sub in walk_statements(stmt):
        for expr in expressions(sub):
            if name in names_in(expr).buffers:
                for node in distinct_nodes(expr):
                    if isinstance(node, Load) and node.buffer.name == name:
                        yield node


def find_stage(stmt: Stmt, name: str) -> Stmt:
    """The stage that fills the buffer `name`."""
    root = stmt
    while True:
        match stmt:
            case Allocate(_, body):
                stmt = body
            case Seq(stmts):
                inside = [sub for sub in stmts if name in written(sub)]
                if not inside:
                    break
                if len(inside) != 1:
                    raise ScheduleError(f"stage {name!r} is filled in {len(inside)} places")
                stmt = inside[0]
            case For() | IfThen() if written(stmt) != {name}:
                stmt = stmt.body
            case Store() | Update() if stmt.buffer.name != name:
                break
            case _:
                return stmt
    raise ScheduleError(f"no stage {name!r}; the stages are {', '.join(sorted(written(root)))}")


def find_buffer(func: LoopFunc, name: str) -> Buffer:
    """The buffer `name`: a parameter or an allocation."""
    for param in func.params:
        if param.name == name:
            return param
    for sub in walk_statements(func.body):
        if isinstance(sub, Allocate) and sub.buffer.name == name:
            return sub.buffer
    raise ScheduleError(f"no buffer {name!r}")


def exchange_buffer(func: LoopFunc, new: Buffer) -> LoopFunc:
    """`func` with the buffer of `new`'s name exchanged for `new`, wherever it is allocated, written and read."""

    def exchange(stmt: Stmt) -> Stmt | None:
        match stmt:
            case Allocate(buffer, body) if buffer.name == new.name:
                return Allocate(new, body)
            case Store(buffer, indices, value) if buffer.name == new.name:
                return Store(new, indices, value)
            case Update(buffer, indices, combiner, value) if buffer.name == new.name:
                return Update(new, indices, combiner, value)
        return None

    reload = load_mapper(new.name, lambda load: Load(new, load.indices))
    params = tuple(new if param.name == new.name else param for param in func.params)
    return LoopFunc(func.name, params, map_statement(func.body, exchange, reload))


def remove_allocation(stmt: Stmt, name: str) -> Stmt:
    """`stmt` without the `Allocate` of the buffer `name`; its body stays."""
    for sub in walk_statements(stmt):
        if isinstance(sub, Allocate) and sub.buffer.name == name:
            return replace(stmt, sub, sub.body)
    raise ScheduleError(f"{name!r} is a parameter: it cannot be moved")


def load_mapper(name: str, rule: Callable[[Load], Expr]) -> Callable[[Expr], Expr]:
    """Rewrites the loads of one buffer in many expressions, innermost first."""
    return rewriter(
        lambda node: rule(node) if isinstance(node, Load) and node.buffer.name == name else None,
        lambda node: name in names_in(node).buffers,
    )
