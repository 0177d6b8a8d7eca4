"""The slow oracle of whole graphs: every node through its operator's numpy reference. In: Graph and arrays. Out: arrays."""

from collections.abc import Mapping

import numpy as np

from compiler.errors import InputError
from compiler.graph.graph import Graph
from compiler.ops import Array, get_operator


def evaluate_all(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every value of the graph by name."""
    values: dict[str, Array] = dict(graph.constants)
    for name in graph.inputs:
        if name not in inputs:
            raise InputError(f"input {name!r} is missing; given: {', '.join(sorted(inputs)) or 'none'}")
        array, kind = np.asarray(inputs[name]), graph.types[name]
        if array.shape != kind.shape or array.dtype != kind.dtype:
            raise InputError(f"input {name!r} is {array.dtype}{list(array.shape)}, the graph wants {kind}")
        values[name] = array
    for node in graph.nodes:
        outputs = get_operator(node.op).reference([values[value] for value in node.inputs], node.attributes)
        values.update(zip(node.outputs, outputs, strict=True))
    return values


def evaluate(graph: Graph, inputs: Mapping[str, Array]) -> list[Array]:
    """The graph's outputs, in order."""
    values = evaluate_all(graph, inputs)
    return [values[name] for name in graph.outputs]
