"""Make the initialisation of reductions explicit: after this pass there are stores only, no updates."""

from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, Seq, Stmt, Store, Update, seq
from compiler.te import Binary, BinaryOp, Combiner, Const, Load, names_in

IDENTITY: dict[Combiner, float] = {"sum": 0.0, "prod": 1.0, "max": float("-inf"), "min": float("inf")}
OPERATOR: dict[Combiner, BinaryOp] = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


def identity(update: Update) -> Const:
    """The neutral element of the update's combiner in its buffer's dtype."""
    dtype = update.buffer.dtype
    value = IDENTITY[update.combiner]
    if dtype.kind == "f":
        return Const(value, dtype)
    if dtype.kind == "b":
        return Const(update.combiner in ("min", "prod"), dtype)
    limits = {float("-inf"): -(2 ** (8 * dtype.itemsize - 1)), float("inf"): 2 ** (8 * dtype.itemsize - 1) - 1}
    if dtype.kind == "u":
        limits = {float("-inf"): 0, float("inf"): 2 ** (8 * dtype.itemsize) - 1}
    return Const(limits.get(value, int(value) if abs(value) != float("inf") else 0), dtype)


def place_reduction_init(func: LoopFunc) -> LoopFunc:
    """Before the outermost reduction loop of each update, set the elements that it accumulates.

    for k: for j: c[j] += a[j, k]      ->      for j: c[j] = 0
                                               for k: for j: c[j] = c[j] + a[j, k]
    """
    return LoopFunc(func.name, func.params, _place(func.body, ()))


def _place(stmt: Stmt, reducing: tuple[str, ...]) -> Stmt:
    """`reducing`: the buffers whose outermost reduction loop is around `stmt` already."""
    match stmt:
        case For(name, extent, body, kind, True, start) as outermost:
            fresh = [update for update in _own_updates(body) if update.buffer.name not in reducing]
            inner = _place(body, (*reducing, *(update.buffer.name for update in fresh)))
            loop = For(name, extent, inner, kind, True, start)
            return seq(*(_init(outermost, update) for update in fresh), loop)
        case For(name, extent, body, kind, reduce, start):
            return For(name, extent, _place(body, reducing), kind, reduce, start)
        case IfThen(condition, body):
            return IfThen(condition, _place(body, reducing))
        case Allocate(buffer, body):
            return Allocate(buffer, _place(body, tuple(name for name in reducing if name != buffer.name)))
        case Seq(stmts):
            return seq(*(_place(sub, reducing) for sub in stmts))
        case Update(buffer, indices, combiner, value):
            updated = Store(buffer, indices, Binary(OPERATOR[combiner], Load(buffer, indices), value))
            if buffer.name in reducing:
                return updated
            return seq(Store(buffer, indices, identity(stmt)), updated)
        case Store():
            return stmt


def _own_updates(stmt: Stmt) -> list[Update]:
    """Updates in `stmt` of buffers that are allocated outside it."""
    match stmt:
        case Update():
            return [stmt]
        case Allocate(buffer, body):
            return [update for update in _own_updates(body) if update.buffer.name != buffer.name]
        case For() | IfThen():
            return _own_updates(stmt.body)
        case Seq(stmts):
            return [update for sub in stmts for update in _own_updates(sub)]
        case Store():
            return []


def _init(loop: For, update: Update) -> Stmt:
    """The loops of `loop`'s body around `update` that its indices need, around a store of the identity."""
    needed = {name for index in update.indices for name in names_in(index).variables}
    inner = _init_nest(loop.body, update, needed, frozenset({loop.name}))
    return Seq(()) if inner is None else inner


def _init_nest(stmt: Stmt, update: Update, needed: set[str], dropped: frozenset[str]) -> Stmt | None:
    match stmt:
        case Update():
            return Store(update.buffer, update.indices, identity(update)) if stmt is update else None
        case For(name, extent, body, kind, reduce, start):
            if name in needed:
                inner = _init_nest(body, update, needed, dropped)
                return None if inner is None else For(name, extent, inner, kind, reduce, start)
            return _init_nest(body, update, needed, dropped | {name})
        case IfThen(condition, body):
            inner = _init_nest(body, update, needed, dropped)
            return IfThen(condition, inner) if inner is not None and dropped.isdisjoint(names_in(condition).variables) else inner
        case Allocate(_, body):
            return _init_nest(body, update, needed, dropped)
        case Seq(stmts):
            found = (_init_nest(sub, update, needed, dropped) for sub in stmts)
            return next((inner for inner in found if inner is not None), None)
        case Store():
            return None
