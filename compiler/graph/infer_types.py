"""Graph pass: recomputes the type of every value from the inputs and constants. In: Graph. Out: Graph with fresh types.

Raises `ShapeError` (with the node's name) where operand types do not fit an operator.
"""

from compiler.errors import ShapeError
from compiler.graph.graph import Graph
from compiler.ops import get_operator
from compiler.tensor_type import TensorType


def infer_types(graph: Graph) -> Graph:
    types: dict[str, TensorType] = {name: graph.types[name] for name in graph.inputs}
    types.update({name: TensorType(array.shape, array.dtype) for name, array in graph.constants.items()})
    for node in graph.nodes:
        try:
            outputs = get_operator(node.op).infer_types([types[value] for value in node.inputs], node.attributes)
        except ShapeError as error:
            raise ShapeError(f"node {node.name!r} ({node.op}): {error}") from error
        types.update(zip(node.outputs, outputs, strict=True))
    return Graph(graph.name, graph.inputs, graph.outputs, graph.nodes, types, graph.constants)
