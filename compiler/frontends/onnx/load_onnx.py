"""ONNX frontend, the door: an ONNX model -> `Graph`.

In: a file, its bytes, or a `ModelProto`; shapes for the dimensions that the model leaves open. Out: a `Graph` with static shapes, whose
inputs and outputs have the model's names. Steps: `read_model.py`, `input_types.py`, `graph_converter.py`. Next: `compiler/graph`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import GraphProto, ModelProto

from compiler.errors import InputError, ModelError
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.graph_converter import GraphConverter, Scope
from compiler.frontends.onnx.input_types import input_types
from compiler.frontends.onnx.read_model import ModelSource, element_dtype, read_model, read_opsets
from compiler.graph import Graph


def load_onnx(
    source: ModelSource,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
) -> Graph:
    """Reads an ONNX model.

    shapes: for inputs with unknown dimensions, the whole shape; a symbolic dimension that one of them binds is bound for all inputs.
    constants: inputs that keep one value for ever; they are no inputs of the graph. What an operator must know now (the target of a
    reshape, the condition of a branch) can be given by them.

    Raises `ModelError` (unreadable), `ShapeError` (unknown or wrong shapes), `UnsupportedOperator` (names the node and what is supported).
    """
    model, title = read_model(source)
    try:
        return _convert(model, shapes or {}, constants or {})
    except (ModelError, InputError) as error:
        raise type(error)(f"{title}: {' '.join(str(error).split())}") from error.__cause__


def _convert(model: ModelProto, shapes: Mapping[str, Sequence[int]], constants: Mapping[str, ArrayLike]) -> Graph:
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [declared for declared in model.graph.input if declared.name not in stored]
    for name in constants:
        if name not in {declared.name for declared in inputs}:
            known = ", ".join(repr(declared.name) for declared in inputs) or "none"
            raise InputError(f"a constant is given for {name!r}, which is no input; inputs are {known}")
    builder = FoldingBuilder(frozenset(_value_names(model.graph)))
    scope = Scope(read_opsets(model))
    types = input_types([declared for declared in inputs if declared.name not in constants], shapes)
    for declared in inputs:
        if declared.name in constants:
            dtype = element_dtype(declared.type.tensor_type.elem_type, f"input {declared.name!r}")
            scope.values[declared.name] = builder.constant(_as_array(constants[declared.name], dtype))
        else:
            scope.values[declared.name] = builder.add_input(declared.name, types[declared.name])
    outputs = GraphConverter(builder, model.functions).convert(model.graph, scope)
    return builder.finish(
        model.graph.name or "model", {declared.name: value for declared, value in zip(model.graph.output, outputs, strict=True)}
    )


def _as_array(given: ArrayLike, dtype: np.dtype[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    return np.asarray(given, dtype)


def _value_names(graph: GraphProto) -> Iterator[str]:
    for declared in graph.input:
        yield declared.name
    for tensor in graph.initializer:
        yield tensor.name
    for node in graph.node:
        yield from node.output
