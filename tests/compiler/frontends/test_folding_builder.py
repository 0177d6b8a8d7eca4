"""The output side of the frontend: what is known is folded, what is not needed is dropped, and names stay those of the model."""

import numpy as np
import pytest
from onnx import defs, helper

from compiler.errors import UnsupportedOperator
from compiler.frontends.onnx import load_onnx
from compiler.frontends.onnx.converters import CONVERTERS, Converter, converts, find_converter
from compiler.graph import evaluate, verify_graph
from compiler.tensor_type import FLOAT32, INT64, TensorType
from tests.compiler.frontends.node_models import declare, graph_of, int64, model_of, node_model, random

X = random(2, 3)


def test_shape_computations_leave_no_nodes() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "zero", "one"], ["rows"]),
        helper.make_node("Cast", ["rows"], ["wide"], to=11),
        helper.make_node("Mul", ["wide", "half"], ["halved"]),
        helper.make_node("Cast", ["halved"], ["narrow"], to=7),
        helper.make_node("Concat", ["narrow", "minus"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    stored = {"zero": int64(0), "one": int64(1), "minus": int64(-1), "half": np.asarray([0.5])}
    graph = load_onnx(model_of(graph_of(nodes, [declare("x", X)], ["y"], stored), 13))
    assert [node.op for node in graph.nodes] == ["reshape"]
    assert graph.types["y"] == TensorType((1, 6), FLOAT32)
    assert not graph.constants


def test_names_of_inputs_outputs_and_values_are_the_models() -> None:
    nodes = [
        helper.make_node("Gemm", ["in:0", "w"], ["a b"], name="fc", beta=2.0),
        helper.make_node("Relu", ["a b"], ["out/1"], name="act"),
    ]
    graph = load_onnx(model_of(graph_of(nodes, [declare("in:0", X)], ["out/1", "a b"], {"w": random(3, 4)}), 13))
    assert (graph.inputs, graph.outputs) == (("in:0",), ("out/1", "a b"))
    assert [(node.name, node.inputs, node.outputs) for node in graph.nodes] == [
        ("fc", ("in:0", "w"), ("a b",)),
        ("act", ("a b",), ("out/1",)),
    ]


def test_outputs_that_are_the_same_value_stay_apart() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Identity", ["x"], ["c"]),
        helper.make_node("Identity", ["w"], ["d"]),
        helper.make_node("Identity", ["w"], ["e"]),
    ]
    graph = load_onnx(model_of(graph_of(nodes, [declare("x", X)], ["a", "b", "c", "d", "e", "x"], {"w": random(4)}), 13))
    verify_graph(graph)
    expected = [np.maximum(X, 0), np.maximum(X, 0), X, random(4), random(4), X]
    for ours, theirs in zip(evaluate(graph, {"x": X}), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_no_output_needs_is_dropped_but_inputs_stay() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("MatMul", ["x", "w"], ["unused"])]
    inputs = [declare("x", X), declare("ignored", X)]
    graph = load_onnx(model_of(graph_of(nodes, inputs, ["y"], {"w": random(3, 3)}), 13))
    assert [node.op for node in graph.nodes] == ["relu"]
    assert graph.inputs == ("x", "ignored")
    assert not graph.constants


def test_values_without_elements_are_known() -> None:
    graph = load_onnx(node_model("ReduceSum", 13, {"x": random(2, 0)}, [int64(1)]))
    assert not graph.nodes
    np.testing.assert_array_equal(graph.constants["y0"], np.zeros((2, 1), np.float32))


def test_initializer_that_is_also_an_input_is_a_constant() -> None:
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    graph = load_onnx(model_of(graph_of(nodes, [declare("x", X), declare("w", X)], ["y"], {"w": X}), 7))
    assert graph.inputs == ("x",)
    assert list(graph.constants) == ["w"]


def test_constant_of_an_element_type_that_no_kernel_has_is_refused() -> None:
    nodes = [helper.make_node("Cast", ["x"], ["d"], to=6), helper.make_node("Gather", ["w", "d"], ["y"])]
    with pytest.raises(UnsupportedOperator, match="has dtype float64; supported are"):
        load_onnx(model_of(graph_of(nodes, [declare("x", X)], ["y"], {"w": np.zeros(3)}), 13))


def test_every_graph_output_has_its_type() -> None:
    graph = load_onnx(node_model("Shape", 13, {"x": X}))
    assert graph.types["y0"] == TensorType((2,), INT64)


def test_registry_refuses_duplicates() -> None:
    with pytest.raises(ValueError, match="'Relu' since opset 1 is registered twice"):
        converts("Relu", since=1)(_relu())


def _relu() -> Converter:
    converter = find_converter("", "Relu", 13)
    assert converter is not None
    return converter


def test_newest_converter_that_is_old_enough_is_taken() -> None:
    by_version = CONVERTERS["", "Softmax"]
    assert find_converter("", "Softmax", 12) is by_version[1]
    assert find_converter("", "Softmax", 13) is find_converter("", "Softmax", 28) is by_version[13]
    assert find_converter("", "HardSwish", 0) is None


@pytest.mark.parametrize("op_type", sorted(op_type for domain, op_type in CONVERTERS if not domain))
def test_registered_versions_are_versions_of_the_standard(op_type: str) -> None:
    """A converter holds from a version on that the standard knows, or from before the oldest supported opset."""
    known = {schema.since_version for schema in defs.get_all_schemas_with_history() if schema.name == op_type and not schema.domain}
    assert known
    assert all(since in known or since == 1 for since in CONVERTERS["", op_type])
