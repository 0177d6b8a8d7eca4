"""Graph pass: batch norms and other scalings by constants go into the weights before them. In: Graph. Out: Graph.

A batch_norm with constant statistics is x * factor + shift. (y + b) * s becomes y * s + (b * s), and a factor per output channel on a
convolution or matmul with constant weights is multiplied into the weights; what is left is one addition, which joins the kernel.
"""

from collections.abc import Sequence

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph
from compiler.ops import Array

LINEAR_OPS = ("conv2d", "conv2d_transpose", "matmul")


def _batch_norm(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    arrays = [rewriter.constant(value) for value in node.inputs[1:]]
    statistics = [array.astype(np.float64) for array in arrays if array is not None]
    if len(statistics) < 4 or node.attributes["layout"] != "NCHW":
        return None
    scale, bias, mean, variance = statistics
    factor = scale / np.sqrt(variance + node.attributes["epsilon"])
    shift = bias - mean * factor
    kind, builder = rewriter.type(node.outputs[0]), rewriter.builder
    shape = (1, -1, *(1,) * (len(kind.shape) - 2))
    name = node.outputs[0]
    factors = builder.constant(factor.reshape(shape).astype(kind.dtype), f"{name}.factor")
    shifts = builder.constant(shift.reshape(shape).astype(kind.dtype), f"{name}.shift")
    scaled = builder.apply("mul", (rewriter.new(node.inputs[0]), factors), hint=f"{name}.scaled")
    return [builder.apply("add", (scaled, shifts), hint=name)]


def channel_vector(array: Array, rank: int, axis: int, extent: int) -> Array | None:
    """A constant that differs only along one axis of a tensor of `rank` axes, as a vector of `extent` elements; None if it does not."""
    if array.ndim > rank:
        return None
    shape = (1,) * (rank - array.ndim) + array.shape
    if any(size != 1 for position, size in enumerate(shape) if position != axis) or shape[axis] not in (1, extent):
        return None
    return np.broadcast_to(array.reshape(-1), (extent,))


def _output_axis(linear: Node, rank: int) -> int:
    """The axis of a linear operator's result that its weights have an axis for."""
    return rank - 1 if linear.op == "matmul" else 1


def _scaled_weight(linear: Node, weight: Array, vector: Array) -> Array:
    wide, factors = weight.astype(np.float64), vector.astype(np.float64)
    match linear.op:
        case "conv2d":
            result = wide * factors.reshape(-1, 1, 1, 1)
        case "conv2d_transpose":
            groups = linear.attributes["groups"]
            in_channels, per_group, height, width = weight.shape
            split = wide.reshape(groups, in_channels // groups, per_group, height, width)
            result = (split * factors.reshape(groups, 1, per_group, 1, 1)).reshape(weight.shape)
        case _:
            result = wide * (factors[:, None] if linear.attributes["transpose_b"] and weight.ndim > 1 else factors)
    return result.astype(weight.dtype)


def _scalable(rewriter: Rewriter, value: str) -> Node | None:
    """The linear node that writes `value` for one reader, with constant weights that have an axis for the result's."""
    node = rewriter.producer(value, *LINEAR_OPS)
    if node is None or not rewriter.only_use(value) or rewriter.constant(node.inputs[1]) is None:
        return None
    plain = node.attributes.get("out_layout", "NCHW") == "NCHW"
    return node if plain and len(rewriter.type(node.inputs[1]).shape) > 1 else None


def _multiply(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    found = rewriter.with_constant(node)
    kind = rewriter.type(node.outputs[0])
    if found is None or rewriter.type(found[0]) != kind:
        return None
    value, factor = found
    linear = _scalable(rewriter, value)
    if linear is None:
        return _distribute(rewriter, node, value, factor)
    axis = _output_axis(linear, len(kind.shape))
    vector = channel_vector(factor, len(kind.shape), axis, kind.shape[axis])
    weight = rewriter.constant(linear.inputs[1])
    if vector is None or weight is None:
        return None
    scaled = rewriter.builder.constant(_scaled_weight(linear, weight, vector), f"{linear.inputs[1]}.scaled")
    return [rewriter.builder.apply(linear.op, (rewriter.new(linear.inputs[0]), scaled), linear.attributes, hint=node.outputs[0])]


def _distribute(rewriter: Rewriter, node: Node, value: str, factor: Array) -> Sequence[str] | None:
    """(y + b) * s -> y * s + b * s, where y is a linear operator's result or a product with a constant, which can take the factor."""
    inner = rewriter.producer(value, "add")
    found = None if inner is None else rewriter.with_constant(inner)
    if found is None or not rewriter.only_use(value) or not _takes_factor(rewriter, found[0]):
        return None
    product = (found[1].astype(np.float64) * factor.astype(np.float64)).astype(factor.dtype)
    if product.size > max(found[1].size, factor.size):
        return None
    builder, name = rewriter.builder, node.outputs[0]
    scaled = builder.apply("mul", (rewriter.new(found[0]), builder.constant(factor, f"{name}.factor")), hint=f"{name}.scaled")
    return [builder.apply("add", (scaled, builder.constant(product, f"{name}.shift")), hint=name)]


def _takes_factor(rewriter: Rewriter, value: str) -> bool:
    product = rewriter.producer(value, "mul")
    scaled = product is not None and rewriter.only_use(value) and rewriter.with_constant(product) is not None
    return scaled or _scalable(rewriter, value) is not None


def _rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    match node.op:
        case "batch_norm":
            return _batch_norm(rewriter, node)
        case "mul":
            return _multiply(rewriter, node)
        case _:
            return None


def fold_batch_norms(graph: Graph) -> Graph:
    return rewrite_graph(graph, _rule)
