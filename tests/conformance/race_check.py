"""Whether threads that share a parallel loop could touch each other's elements: every access of every iteration, enumerated.

Racing threads seldom give a wrong result in a test, so lowered functions are searched for races instead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, LoopKind, Seq, Stmt, Store, expressions, walk_statements
from compiler.te import Binary, Buffer, Call, Cast, Const, Expr, Load, Select, Var, children, walk

Array = NDArray[Any]

LARGEST_GRID = 1 << 24
OPERATIONS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "floordiv": np.floor_divide, "mod": np.mod, "min": np.minimum, "max": np.maximum,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "and": np.logical_and, "or": np.logical_or,
}  # fmt: skip


@dataclass(frozen=True)
class Access:
    """loops: around it, the parallel one first. conditions: all hold where it happens."""

    buffer: Buffer
    index: Expr
    conditions: tuple[Expr, ...]
    loops: tuple[For, ...]


def find_races(func: LoopFunc) -> list[str]:
    """What is wrong, a line per buffer and parallel loop of a lowered function."""
    loops = [stmt for stmt in walk_statements(func.body) if isinstance(stmt, For) and stmt.kind is LoopKind.PARALLEL]
    return [f"{loop.name}: {text}" for loop in loops for text in _races_in(loop)]


def _races_in(loop: For) -> Iterator[str]:
    private = {stmt.buffer.name for stmt in walk_statements(loop.body) if isinstance(stmt, Allocate)}
    stores = [access for access in _stores(loop, (), ()) if access.buffer.name not in private]
    for buffer in dict.fromkeys(access.buffer for access in stores):
        (size,) = buffer.shape
        owner = np.full(size, -1)
        for access in (each for each in stores if each.buffer == buffer):
            iterations, elements = _touched(access)
            fresh = owner[elements] < 0
            owner[elements[fresh]] = iterations[fresh]
            if (owner[elements] != iterations).any():
                yield f"two iterations write the same element of {buffer.name}"
        for access in _loads(loop, buffer.name):
            iterations, elements = _touched(access)
            if ((owner[elements] >= 0) & (owner[elements] != iterations)).any():
                yield f"an iteration reads an element of {buffer.name} that another one writes"


def _stores(stmt: Stmt, loops: tuple[For, ...], conditions: tuple[Expr, ...]) -> Iterator[Access]:
    match stmt:
        case For(body=body):
            yield from _stores(body, (*loops, stmt), conditions)
        case Allocate(_, body):
            yield from _stores(body, loops, conditions)
        case IfThen(condition, body):
            yield from _stores(body, loops, (*conditions, condition))
        case Seq(stmts):
            for sub in stmts:
                yield from _stores(sub, loops, conditions)
        case Store(buffer, (index, *_), _):
            yield Access(buffer, index, conditions, loops)


def _loads(loop: For, name: str) -> Iterator[Access]:
    def visit(stmt: Stmt, loops: tuple[For, ...], conditions: tuple[Expr, ...]) -> Iterator[Access]:
        for expr in expressions(stmt):
            yield from in_expression(expr, loops, conditions)
        match stmt:
            case For(body=body):
                yield from visit(body, (*loops, stmt), conditions)
            case Allocate(_, body):
                yield from visit(body, loops, conditions)
            case IfThen(condition, body):
                yield from visit(body, loops, (*conditions, condition))
            case Seq(stmts):
                for sub in stmts:
                    yield from visit(sub, loops, conditions)

    def in_expression(expr: Expr, loops: tuple[For, ...], conditions: tuple[Expr, ...]) -> Iterator[Access]:
        if isinstance(expr, Load) and expr.buffer.name == name:
            yield Access(expr.buffer, expr.indices[0], conditions, loops)
        if isinstance(expr, Select):
            yield from in_expression(expr.condition, loops, conditions)
            yield from in_expression(expr.then, loops, (*conditions, expr.condition))
            yield from in_expression(expr.otherwise, loops, conditions)
            return
        for child in children(expr):
            yield from in_expression(child, loops, conditions)

    return visit(loop, (), ())


def _touched(access: Access) -> tuple[Array, Array]:
    """(iteration of the parallel loop, element) of every time that the access happens; conditions on data count as true."""
    conditions = [condition for condition in access.conditions if not any(isinstance(node, Load) for node in walk(condition))]
    used = {node.name for expr in (access.index, *conditions) for node in walk(expr) if isinstance(node, Var)}
    parallel, *inner = access.loops
    loops = [parallel, *(loop for loop in inner if loop.name in used)]
    sizes = tuple(loop.extent for loop in loops)
    assert np.prod(sizes, dtype=float) <= LARGEST_GRID, f"{access.buffer.name}: too many accesses to enumerate: {sizes}"
    values: dict[str, Array] = {}
    for axis, loop in enumerate(loops):
        shape = [1] * len(loops)
        shape[axis] = loop.extent
        values[loop.name] = np.arange(loop.start, loop.start + loop.extent).reshape(shape)
    happens = np.ones(sizes, bool)
    for condition in conditions:
        happens &= _value(condition, values)
    elements = np.broadcast_to(_value(access.index, values), sizes)[happens]
    return np.broadcast_to(values[parallel.name], sizes)[happens], elements


def _value(expr: Expr, values: Mapping[str, Array]) -> Array:
    match expr:
        case Const(value):
            return np.asarray(value)
        case Var(name):
            return values[name]
        case Binary(op, a, b):
            return OPERATIONS[op](_value(a, values), _value(b, values))
        case Select(condition, then, otherwise):
            return np.where(_value(condition, values), _value(then, values), _value(otherwise, values))
        case Call("not", (condition,)):
            return np.logical_not(_value(condition, values))
        case Cast(dtype, value):
            return _value(value, values).astype(dtype)
    raise TypeError(f"an index must not hold {type(expr).__name__}")
