"""Graph pass: concatenations as their parts can best be written in place. In: Graph. Out: Graph.

concat(concat(a, b), c) -> concat(a, b, c) where nothing else reads the inner one. concat(a, b), concat(a, b, c) -> ab = concat(a, b),
concat(ab, c), as dense blocks have it. f(concat(a, b)) -> concat(f(a), f(b)) for an element-wise f of one variable whose parts nothing else
reads, so that f joins the kernels of the parts. Parts without elements are left out.
"""

from collections.abc import Sequence

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph, rewrite_once
from compiler.ops import FusionKind, get_operator


def flatten_concats(graph: Graph) -> Graph:
    def rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
        if node.op != "concat":
            return None
        parts: list[str] = []
        for value in node.inputs:
            inner = rewriter.producer(value, "concat")
            nested = inner is not None and inner.attributes["axis"] == node.attributes["axis"] and rewriter.only_use(value)
            parts.extend(inner.inputs if inner is not None and nested else (value,))
        parts = [value for value in parts if rewriter.type(value).element_count] or parts[:1]
        if len(parts) == len(node.inputs):
            return None
        inputs = [rewriter.new(value) for value in parts]
        return [rewriter.builder.apply("concat", inputs, node.attributes, hint=node.outputs[0])]

    return rewrite_graph(graph, rule)


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


def _split_over_parts(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    if get_operator(node.op).fusion != FusionKind.ELEMENTWISE or "layout" in node.attributes:
        return None
    variables = [value for value in node.inputs if value not in rewriter.old.constants]
    numbers = all(rewriter.type(value).element_count == 1 for value in node.inputs if value in rewriter.old.constants)
    concat = rewriter.producer(variables[0], "concat") if len(variables) == 1 and numbers else None
    if concat is None or not rewriter.only_use(variables[0]) or not all(rewriter.only_use(value) for value in concat.inputs):
        return None
    if rewriter.type(variables[0]).shape != rewriter.type(node.outputs[0]).shape:
        return None
    parts = []
    for part in concat.inputs:
        inputs = [rewriter.new(part if value == variables[0] else value) for value in node.inputs]
        parts.append(rewriter.builder.apply(node.op, inputs, node.attributes, hint=f"{node.outputs[0]}.part"))
    return [rewriter.builder.apply("concat", parts, concat.attributes, hint=node.outputs[0])]


def arrange_concats(graph: Graph) -> Graph:
    return nest_concats(rewrite_graph(flatten_concats(graph), _split_over_parts))
