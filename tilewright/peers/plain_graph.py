"""An ONNX model as plain Python: what peers that read no ONNX are built from. Next: `torch_peer.py`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tilewright.peers.peer import PeerError


@dataclass(frozen=True, slots=True)
class PlainNode:
    """One operator with one output; attributes are numbers, strings and lists of them."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlainGraph:
    """inputs: with their shapes. weights: the initializers and the values of Constant nodes, which are no nodes here."""

    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]
    nodes: tuple[PlainNode, ...]
    weights: dict[str, NDArray[Any]]


def plain_graph(model: onnx.ModelProto) -> PlainGraph:
    """The graph of `model`, whose input shapes are static and whose nodes have one output each."""
    graph = model.graph
    weights = {tensor.name: np.asarray(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    inputs = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in graph.input if value.name not in weights
    }
    nodes = []
    for node in graph.node:
        plain = _plain_node(node)
        if plain.op == "Constant" and isinstance(plain.attributes.get("value"), onnx.TensorProto):
            weights[plain.output] = np.asarray(numpy_helper.to_array(plain.attributes["value"]))
        else:
            nodes.append(plain)
    return PlainGraph(inputs, tuple(value.name for value in graph.output), tuple(nodes), weights)


def _plain_node(node: onnx.NodeProto) -> PlainNode:
    used = [name for name in node.output if name]
    if len(used) != 1:
        raise PeerError(f"{node.op_type} {node.name!r} has {len(used)} outputs; the peers' converters know one")
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return PlainNode(node.op_type, tuple(node.input), node.output[0], attributes)
