"""Graph pass: element-wise nodes move in front of the reshapes that feed them. In: Graph. Out: Graph.

f(reshape(x)) -> reshape(f(x));  reshape(x) op number -> reshape(x op number);  reshape(x) op reshape(y) -> reshape(x op y) for x and y of
one shape. The element-wise node can then join the kernel that writes x, and reshapes meet and cancel (a one-dimensional convolution
stands between two of them).
"""

import math
from collections.abc import Sequence

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph
from compiler.ops import FusionKind, get_operator


def _without_units(shape: Sequence[int]) -> list[int]:
    return [extent for extent in shape if extent != 1]


def _moved_constant(rewriter: Rewriter, value: str, shape: tuple[int, ...], inner: tuple[int, ...]) -> str | None:
    """A constant that broadcasts to `shape`, so that it broadcasts to `inner` in the same way; the two differ in unit axes only."""
    array = rewriter.old.constants[value]
    if array.size == 1:
        return rewriter.builder.constant(array.reshape(()), f"{value}.number")
    padded = (1,) * (len(shape) - array.ndim) + array.shape
    if len(padded) > len(shape) or _without_units(shape) != _without_units(inner):
        return None
    kept = iter([size for size, extent in zip(padded, shape, strict=True) if extent != 1])
    moved = tuple(1 if extent == 1 else next(kept) for extent in inner)
    return rewriter.builder.constant(array.reshape(moved), f"{value}.moved") if math.prod(moved) == array.size else None


def _rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    if get_operator(node.op).fusion != FusionKind.ELEMENTWISE or "layout" in node.attributes:
        return None
    target = rewriter.type(node.outputs[0]).shape
    variables = [value for value in node.inputs if value not in rewriter.old.constants]
    if not variables or any(rewriter.type(value).shape != target for value in variables):
        return None
    reshapes = {value: rewriter.producer(value, "reshape") for value in variables}
    sources = {value: reshape.inputs[0] for value, reshape in reshapes.items() if reshape is not None}
    shapes = {rewriter.type(source).shape for source in sources.values()}
    readers = {value: node.inputs.count(value) for value in sources}
    private = all(rewriter.uses(value) == count for value, count in readers.items())
    if len(sources) != len(reshapes) or len(shapes) != 1 or not private:
        return None
    (inner,) = shapes
    inputs: list[str] = []
    for value in node.inputs:
        moved = rewriter.new(sources[value]) if value in sources else _moved_constant(rewriter, value, target, inner)
        if moved is None:
            return None
        inputs.append(moved)
    result = rewriter.builder.apply(node.op, inputs, node.attributes, hint=f"{node.outputs[0]}.early")
    return [rewriter.builder.apply("reshape", (result,), {"shape": target}, hint=node.outputs[0])]


def sink_reshapes(graph: Graph) -> Graph:
    return rewrite_graph(graph, _rule)
