"""Graph pass: computes what depends on constants only, by the operators' numpy references. In: Graph. Out: Graph.

A value without elements is a constant too, whatever computes it: there are no kernels over nothing. A result much larger than what it is
computed from (a broadcast) stays a node: it would cost more to store and read than to compute.
"""

from collections.abc import Sequence

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_once
from compiler.ops import Array, get_operator

ALWAYS_FOLDED_BYTES = 64 * 1024
LARGEST_GROWTH = 2


def fold_constants(graph: Graph) -> Graph:
    folded: dict[str, Array] = {}

    def known(value: str) -> Array | None:
        kind = graph.types[value]
        return np.empty(kind.shape, kind.dtype) if kind.element_count == 0 else folded.get(value, graph.constants.get(value))

    def rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
        types = [graph.types[value] for value in node.outputs]
        output_bytes = sum(kind.size_bytes for kind in types)
        if output_bytes == 0:
            return [
                rewriter.builder.constant(np.empty(kind.shape, kind.dtype), hint=value)
                for value, kind in zip(node.outputs, types, strict=True)
            ]
        arrays = [array for value in node.inputs if (array := known(value)) is not None]
        if len(arrays) != len(node.inputs):
            return None
        if output_bytes > max(ALWAYS_FOLDED_BYTES, LARGEST_GROWTH * sum(array.nbytes for array in arrays)):
            return None
        results = get_operator(node.op).reference(arrays, node.attributes)
        folded.update(zip(node.outputs, results, strict=True))
        return [rewriter.builder.constant(array, hint=value) for value, array in zip(node.outputs, results, strict=True)]

    return rewrite_once(graph, rule)[0]
