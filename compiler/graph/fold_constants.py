"""Graph pass: computes what depends on constants only, by the operators' numpy references. In: Graph. Out: Graph.

A result much larger than what it is computed from (a broadcast) stays a node: it would cost more to store and read than to compute.
"""

from collections.abc import Sequence

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_once
from compiler.ops import Array, get_operator

ALWAYS_FOLDED_BYTES = 64 * 1024
LARGEST_GROWTH = 2


def fold_constants(graph: Graph) -> Graph:
    folded: dict[str, Array] = {}

    def rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
        known = [folded.get(value, graph.constants.get(value)) for value in node.inputs]
        arrays = [array for array in known if array is not None]
        if len(arrays) != len(known):
            return None
        output_bytes = sum(graph.types[value].size_bytes for value in node.outputs)
        if output_bytes > max(ALWAYS_FOLDED_BYTES, LARGEST_GROWTH * sum(array.nbytes for array in arrays)):
            return None
        results = get_operator(node.op).reference(arrays, node.attributes)
        folded.update(zip(node.outputs, results, strict=True))
        return [rewriter.builder.constant(array, hint=value) for value, array in zip(node.outputs, results, strict=True)]

    return rewrite_once(graph, rule)[0]
