"""Tensor expressions -> the naive loop nest: one perfect nest per stage, producers first, every intermediate in an allocation of its own.

Next: `compiler/schedule`, which rewrites the nests.
"""

from collections.abc import Sequence

from compiler.loop_ir.nodes import Allocate, For, LoopFunc, Stmt, Store, Update, seq
from compiler.te import Axis, Buffer, Expr, Load, Reduce, Tensor, rewrite, topological_order


def as_buffer(tensor: Buffer) -> Buffer:
    """The bare storage of a tensor, without its definition."""
    return Buffer(tensor.name, tensor.shape, tensor.dtype, tensor.scope)


def _without_definitions(expr: Expr) -> Expr:
    return rewrite(expr, lambda node: Load(as_buffer(node.buffer), node.indices) if isinstance(node, Load) else None)


def _nest(axes: Sequence[Axis], reduce: bool, body: Stmt) -> Stmt:
    for axis in reversed(axes):
        body = For(axis.name, axis.extent, body, reduce=reduce)
    return body


def build_stage(tensor: Tensor) -> Stmt:
    """The loop nest of one computed tensor: its data axes, and inside them its reduction axes."""
    if tensor.definition is None:
        raise ValueError(f"{tensor.name} is an input: there is nothing to compute")
    definition = tensor.definition
    indices = tuple(axis.var for axis in definition.axes)
    body = definition.body
    if isinstance(body, Reduce):
        update = Update(as_buffer(tensor), indices, body.combiner, _without_definitions(body.value))
        return _nest(definition.axes, False, _nest(body.axes, True, update))
    return _nest(definition.axes, False, Store(as_buffer(tensor), indices, _without_definitions(body)))


def build_loop_func(name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> LoopFunc:
    """A function of `inputs` then `outputs`; stages in topological order.

    An output that is also an input (an identity) is copied by the caller's operator, never aliased here.
    """
    params = (*inputs, *outputs)
    names = {param.name for param in params}
    stages = [tensor for tensor in topological_order(outputs) if tensor.definition is not None]
    body = seq(*(build_stage(tensor) for tensor in stages))
    for tensor in reversed(stages):
        if tensor.name not in names:
            body = Allocate(as_buffer(tensor), body)
    return LoopFunc(name, tuple(as_buffer(param) for param in params), body)
