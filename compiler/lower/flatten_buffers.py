"""Give every buffer in memory one axis; register buffers keep theirs, since their indices name registers."""

from functools import lru_cache

from compiler.loop_ir import Allocate, Linear, LoopFunc, Stmt, Store, Update, linear, map_statement, simplify
from compiler.te import Buffer, Expr, Load, names_in, rewriter

MEMORY = 1 << 13  # offsets kept: the same few occur in most candidates of a workload
MAX_KEPT_NODES = 200  # of the indices: equal ones are compared node by node, shared ones again and again


def flat_buffer(buffer: Buffer) -> Buffer:
    size = 1
    for extent in buffer.shape:
        size *= extent
    return buffer if buffer.scope == "register" else Buffer(buffer.name, (size,), buffer.dtype, buffer.scope, buffer.prefetch)


def flatten_buffers(func: LoopFunc) -> LoopFunc:
    """a[i, j] of shape (4, 8) -> a[i*8 + j]; the indices are simplified already."""

    def flat_load(node: Expr) -> Expr | None:
        return Load(flat_buffer(node.buffer), _flat_index(node.buffer, node.indices)) if isinstance(node, Load) else None

    flat = rewriter(flat_load, lambda node: bool(names_in(node).buffers))

    def flat_target(stmt: Stmt) -> Stmt | None:
        match stmt:
            case Allocate(buffer, body):
                return Allocate(flat_buffer(buffer), body)
            case Store(buffer, indices, value):
                return Store(flat_buffer(buffer), _flat_index(buffer, indices), value)
            case Update():
                raise TypeError("flatten_buffers runs after place_reduction_init")
        return None

    return LoopFunc(func.name, tuple(flat_buffer(param) for param in func.params), map_statement(func.body, flat_target, flat))


def _flat_index(buffer: Buffer, indices: tuple[Expr, ...]) -> tuple[Expr, ...]:
    if buffer.scope == "register":
        return indices
    few = sum([names_in(index).nodes for index in indices]) <= MAX_KEPT_NODES
    return ((_kept_row_major if few else _row_major)(buffer.shape, indices),)


def _row_major(shape: tuple[int, ...], indices: tuple[Expr, ...]) -> Expr:
    offset = Linear((), 0)
    for index, extent in zip(indices, shape, strict=True):
        offset = offset.times(extent).plus(linear(index))
    return simplify(offset.expr(), {})


_kept_row_major = lru_cache(maxsize=MEMORY)(_row_major)
