"""The check that every graph pass must pass: names, order and types of a graph. In: Graph. Out: nothing, or `VerifyError`."""

from compiler.errors import VerifyError
from compiler.graph.graph import Graph
from compiler.graph.infer_types import infer_types
from compiler.tensor_type import TensorType


def verify_graph(graph: Graph) -> None:
    """Each value is defined once, before it is read; the types are those that the operators infer."""
    defined: set[str] = set()

    def define(value: str) -> None:
        if value in defined:
            raise VerifyError(f"graph {graph.name!r}: value {value!r} is defined twice")
        if value not in graph.types:
            raise VerifyError(f"graph {graph.name!r}: value {value!r} has no type")
        defined.add(value)

    for value in (*graph.inputs, *graph.constants):
        define(value)
    for value, array in graph.constants.items():
        if graph.types[value] != TensorType(array.shape, array.dtype):
            raise VerifyError(f"graph {graph.name!r}: constant {value!r} is {array.dtype}{list(array.shape)}, not {graph.types[value]}")
    for node in graph.nodes:
        for value in node.inputs:
            if value not in defined:
                raise VerifyError(f"graph {graph.name!r}: node {node.name!r} reads {value!r} before it is defined")
        for value in node.outputs:
            define(value)
    for value in graph.outputs:
        if value not in defined:
            raise VerifyError(f"graph {graph.name!r}: output {value!r} is never defined")
    inferred = infer_types(graph).types
    for value, kind in inferred.items():
        if graph.types[value] != kind:
            raise VerifyError(f"graph {graph.name!r}: value {value!r} is declared {graph.types[value]}, inferred {kind}")
