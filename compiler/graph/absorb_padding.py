"""Graph pass: a pad with zeros of the spatial axes before a convolution becomes the convolution's own padding. In: Graph. Out: Graph."""

from collections.abc import Sequence

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph


def _rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    pad = rewriter.producer(node.inputs[0], "pad") if node.op == "conv2d" else None
    if pad is None or pad.attributes["mode"] != "constant" or pad.attributes["value"] != 0 or node.attributes["layout"] != "NCHW":
        return None
    pads = tuple(pad.attributes["pads"])
    if min(pads) < 0 or any((*pads[:2], *pads[4:6])):
        return None
    own = node.attributes["padding"]
    padding = tuple(a + b for a, b in zip(own, (*pads[2:4], *pads[6:8]), strict=True))
    inputs = (rewriter.new(pad.inputs[0]), *(rewriter.new(value) for value in node.inputs[1:]))
    return [rewriter.builder.apply("conv2d", inputs, {**node.attributes, "padding": padding}, hint=node.outputs[0])]


def absorb_padding(graph: Graph) -> Graph:
    return rewrite_graph(graph, _rule)
