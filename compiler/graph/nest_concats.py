"""Graph pass: a concatenation that starts with all parts of an earlier one reads the earlier result. In: Graph. Out: Graph.

concat(a, b), concat(a, b, c) -> ab = concat(a, b), concat(ab, c), as dense blocks have it; the parts can then all be written in place.
"""

from collections.abc import Sequence

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_once


def nest_concats(graph: Graph) -> Graph:
    earlier: dict[tuple[int, tuple[str, ...]], str] = {}

    def rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
        if node.op != "concat":
            return None
        axis, parts = node.attributes["axis"], node.inputs
        longest = next((count for count in range(len(parts) - 1, 1, -1) if (axis, parts[:count]) in earlier), 0)
        prefix = earlier.get((axis, parts[:longest]))
        earlier.setdefault((axis, parts), node.outputs[0])
        if prefix is None:
            return None
        inputs = (rewriter.new(prefix), *(rewriter.new(value) for value in parts[longest:]))
        return [rewriter.builder.apply("concat", inputs, node.attributes, hint=node.outputs[0])]

    return rewrite_once(graph, rule)[0]
