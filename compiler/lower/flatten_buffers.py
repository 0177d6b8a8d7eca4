"""Give every buffer in memory one axis; register buffers keep theirs, since their indices name registers."""

from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, Range, Seq, Stmt, Store, Update, seq, simplify
from compiler.te import Buffer, Const, Expr, Load, binary, rewrite


def flat_buffer(buffer: Buffer) -> Buffer:
    size = 1
    for extent in buffer.shape:
        size *= extent
    return buffer if buffer.scope == "register" else Buffer(buffer.name, (size,), buffer.dtype, buffer.scope, buffer.prefetch)


def flatten_buffers(func: LoopFunc) -> LoopFunc:
    """a[i, j] of shape (4, 8) -> a[i*8 + j]."""
    return LoopFunc(func.name, tuple(flat_buffer(param) for param in func.params), _flatten(func.body, {}))


def _flat_index(buffer: Buffer, indices: tuple[Expr, ...], ranges: dict[str, Range]) -> tuple[Expr, ...]:
    if buffer.scope == "register":
        return tuple(simplify(index, ranges) for index in indices)
    offset: Expr = Const(0)
    for index, extent in zip(indices, buffer.shape, strict=True):
        offset = binary("add", binary("mul", offset, extent), index)
    return (simplify(offset, ranges),)


def _flatten_expr(expr: Expr, ranges: dict[str, Range]) -> Expr:
    def rule(node: Expr) -> Expr | None:
        return Load(flat_buffer(node.buffer), _flat_index(node.buffer, node.indices, ranges)) if isinstance(node, Load) else None

    return rewrite(expr, rule)


def _flatten(stmt: Stmt, ranges: dict[str, Range]) -> Stmt:
    match stmt:
        case For(name, extent, body, kind, reduce, start):
            return For(name, extent, _flatten(body, {**ranges, name: (start, start + extent - 1)}), kind, reduce, start)
        case IfThen(condition, body):
            return IfThen(_flatten_expr(condition, ranges), _flatten(body, ranges))
        case Allocate(buffer, body):
            return Allocate(flat_buffer(buffer), _flatten(body, ranges))
        case Seq(stmts):
            return seq(*(_flatten(sub, ranges) for sub in stmts))
        case Store(buffer, indices, value):
            flat = tuple(_flatten_expr(index, ranges) for index in indices)
            return Store(flat_buffer(buffer), _flat_index(buffer, flat, ranges), _flatten_expr(value, ranges))
        case Update():
            raise TypeError("flatten_buffers runs after place_reduction_init")
