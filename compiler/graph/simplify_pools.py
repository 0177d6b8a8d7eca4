"""Graph pass: pools and means over whole images become global pools. In: Graph. Out: Graph.

reduce_mean and reduce_max over both spatial axes, and average_pool and max_pool with a window as large as the image.
"""

from collections.abc import Sequence

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph

GLOBAL_POOLS = {
    "reduce_mean": "global_average_pool",
    "average_pool": "global_average_pool",
    "reduce_max": "global_max_pool",
    "max_pool": "global_max_pool",
}


def _is_global(node: Node, shape: tuple[int, ...]) -> bool:
    if len(shape) != 4:
        return False
    if node.op.startswith("reduce"):
        return tuple(node.attributes["axes"]) == (2, 3)
    return tuple(node.attributes["kernel"]) == shape[2:] and not any(node.attributes["padding"]) and node.attributes["layout"] == "NCHW"


def _rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    kind = rewriter.type(node.inputs[0]) if node.op in GLOBAL_POOLS else None
    if kind is None or kind.dtype.kind != "f" or not _is_global(node, kind.shape) or kind.element_count == 0:
        return None
    target = rewriter.type(node.outputs[0]).shape
    pooled = rewriter.builder.apply(GLOBAL_POOLS[node.op], (rewriter.new(node.inputs[0]),), {"layout": "NCHW"}, hint=node.outputs[0])
    if rewriter.builder.types[pooled].shape == target:
        return [pooled]
    if rewriter.builder.types[pooled].element_count != rewriter.type(node.outputs[0]).element_count:
        return None
    return [rewriter.builder.apply("reshape", (pooled,), {"shape": target}, hint=f"{node.outputs[0]}.shape")]


def simplify_pools(graph: Graph) -> Graph:
    return rewrite_graph(graph, _rule)
