"""An ONNX model as plain Python: what the peers that read no ONNX are built from. Next: `peers/torch_peer.py`, `peers/mxnet_peer.py`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


@dataclass(frozen=True, slots=True)
class PlainNode:
    """One operator with one output; attributes are numbers, strings and lists of them."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlainGraph:
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
    nodes = tuple(_plain_node(node) for node in graph.node)
    return PlainGraph(inputs, tuple(value.name for value in graph.output), nodes, weights)


def _plain_node(node: onnx.NodeProto) -> PlainNode:
    if len(node.output) != 1:
        raise ValueError(f"{node.op_type} {node.name} has {len(node.output)} outputs; the peers' converters know one")
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return PlainNode(node.op_type, tuple(node.input), node.output[0], attributes)
