"""Graph pass: drops nodes that change nothing. In: Graph. Out: Graph.

identity, cast to the same type, reshape, expand and tile to the same shape, transpose in order, slice of everything, pad by nothing, concat
of one, layout_transform between equal layouts, clip without bounds, x + 0, x * 1.
"""

from collections.abc import Callable, Sequence

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph


def _has_scalar(value: float) -> Callable[[Rewriter, Node], bool]:
    def matches(rewriter: Rewriter, node: Node) -> bool:
        found = rewriter.with_scalar(node)
        return found is not None and found[1] == value

    return matches


def _same_type(rewriter: Rewriter, node: Node) -> bool:
    return rewriter.type(node.inputs[0]) == rewriter.type(node.outputs[0])


CONDITIONS: dict[str, Callable[[Rewriter, Node], bool]] = {
    "identity": lambda _, __: True,
    "cast": _same_type,
    "reshape": _same_type,
    "expand": _same_type,
    "tile": _same_type,
    "transpose": lambda _, node: list(node.attributes["perm"]) == sorted(node.attributes["perm"]),
    "slice": lambda rewriter, node: _same_type(rewriter, node) and all(step == 1 for step in node.attributes["steps"]),
    "pad": lambda _, node: not any(node.attributes["pads"]),
    "concat": lambda _, node: len(node.inputs) == 1,
    "layout_transform": lambda _, node: node.attributes["source"] == node.attributes["destination"],
    "clip": lambda _, node: node.attributes["min"] is None and node.attributes["max"] is None,
    "add": _has_scalar(0.0),
    "mul": _has_scalar(1.0),
}


def _rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    if node.op not in CONDITIONS or not CONDITIONS[node.op](rewriter, node):
        return None
    found = rewriter.with_scalar(node) if node.op in ("add", "mul") else None
    source = node.inputs[0] if found is None else found[0]
    named = {*rewriter.old.inputs, *rewriter.old.constants, *rewriter.old.outputs}
    if node.op == "identity" and node.outputs[0] in rewriter.old.outputs and source in named:
        return None  # the output needs a copy under its own name
    return [rewriter.new(source)]


def remove_identities(graph: Graph) -> Graph:
    return rewrite_graph(graph, _rule)
