"""Graph pass: chains of reshapes and of transposes become one each. In: Graph. Out: Graph.

A transpose that only moves axes of extent 1 is a reshape.
"""

from collections.abc import Sequence

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph


def _reshape(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    inner = rewriter.producer(node.inputs[0], "reshape")
    if inner is None:
        return None
    return [rewriter.builder.apply("reshape", (rewriter.new(inner.inputs[0]),), node.attributes, hint=node.outputs[0])]


def _transpose(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    perm, shape = node.attributes["perm"], rewriter.type(node.inputs[0]).shape
    moved = [axis for axis in perm if shape[axis] != 1]
    if moved == sorted(moved):
        target = {"shape": rewriter.type(node.outputs[0]).shape}
        return [rewriter.builder.apply("reshape", (rewriter.new(node.inputs[0]),), target, hint=node.outputs[0])]
    inner = rewriter.producer(node.inputs[0], "transpose")
    if inner is None:
        return None
    composed = {"perm": tuple(inner.attributes["perm"][axis] for axis in perm)}
    return [rewriter.builder.apply("transpose", (rewriter.new(inner.inputs[0]),), composed, hint=node.outputs[0])]


def _rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    match node.op:
        case "reshape":
            return _reshape(rewriter, node)
        case "transpose":
            return _transpose(rewriter, node)
        case _:
            return None


def merge_views(graph: Graph) -> Graph:
    return rewrite_graph(graph, _rule)
