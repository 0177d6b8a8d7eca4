"""Small ONNX models for the frontend's tests, and the check that a graph computes what onnxruntime does."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from compiler.frontends.onnx import load_onnx
from compiler.graph import Graph, evaluate, verify_graph

Array = NDArray[Any]


def declare(name: str, array: Array) -> ValueInfoProto:
    """A model input with the type of `array`."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def untyped(names: Sequence[str]) -> list[ValueInfoProto]:
    """Model outputs of which only the names are declared."""
    return [helper.make_empty_tensor_value_info(name) for name in names]


def graph_of(
    nodes: Sequence[NodeProto], inputs: Sequence[ValueInfoProto], outputs: Sequence[str], stored: Mapping[str, Array] | None = None
) -> GraphProto:
    tensors = [numpy_helper.from_array(array, name) for name, array in (stored or {}).items()]
    return helper.make_graph(list(nodes), "g", list(inputs), untyped(outputs), tensors)


def model_of(graph: GraphProto, opset: int) -> ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node_model(
    op_type: str, opset: int, inputs: Mapping[str, Array], stored: Sequence[Array | None] = (), outputs: int = 1, **attributes: Any
) -> ModelProto:
    """A model of one node. Its inputs are those of the model, then the stored ones, where None is an input left out."""
    names = [f"y{position}" for position in range(outputs)]
    tensors = {f"stored{position}": array for position, array in enumerate(stored) if array is not None}
    operands = [*inputs, *(f"stored{position}" if array is not None else "" for position, array in enumerate(stored))]
    node = helper.make_node(op_type, operands, names, name="the_node", **attributes)
    return model_of(graph_of([node], [declare(name, array) for name, array in inputs.items()], names, tensors), opset)


def assert_equals_onnxruntime(model: ModelProto, inputs: Mapping[str, Array], tolerance: float = 1e-5) -> Graph:
    """Evaluates the graph of a model and compares every output with onnxruntime's; gives the graph."""
    graph = load_onnx(model)
    verify_graph(graph)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    expected = session.run(None, dict(inputs))
    actual = evaluate(graph, {name: inputs[name] for name in graph.inputs})
    assert len(actual) == len(expected)
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    return graph


def random(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Array:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def int64(*values: int) -> Array:
    return np.asarray(values, np.int64)


FLOAT = TensorProto.FLOAT
