"""The verifier, type inference and the evaluator on ill-formed graphs and inputs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compiler.errors import InputError, ShapeError, VerifyError
from compiler.graph import Graph, Node, evaluate, infer_types, verify_graph
from compiler.tensor_type import TensorType


@pytest.fixture
def graph(net: Any) -> Graph:
    y = net.op("add", net.input(2, 3), net.constant(3))
    built: Graph = net.graph(net.op("relu", y))
    return built


def test_evaluate(graph: Graph) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3) - 3
    (result,) = evaluate(graph, {"x": x})
    np.testing.assert_allclose(result, np.maximum(x + graph.constants["c"], 0), rtol=1e-6)


def test_evaluate_names_a_missing_input(graph: Graph) -> None:
    with pytest.raises(InputError, match="input 'x' is missing; given: y"):
        evaluate(graph, {"y": np.zeros(3, np.float32)})


def test_evaluate_refuses_another_type(graph: Graph) -> None:
    with pytest.raises(InputError, match=r"input 'x' is float64\[2, 3\]"):
        evaluate(graph, {"x": np.zeros((2, 3))})


def test_types_are_inferred_anew(graph: Graph) -> None:
    wider = replace(graph, types={**graph.types, "x": TensorType((5, 3))})
    assert infer_types(wider).types[graph.outputs[0]] == TensorType((5, 3))
    with pytest.raises(VerifyError, match="is declared"):
        verify_graph(wider)


def test_a_shape_error_names_the_node(graph: Graph) -> None:
    wrong = replace(graph, types={**graph.types, "x": TensorType((2, 4))})
    with pytest.raises(ShapeError, match=r"node 'add' \(add\)"):
        infer_types(wrong)


def test_order_and_names_are_checked(graph: Graph) -> None:
    with pytest.raises(VerifyError, match="before it is defined"):
        verify_graph(replace(graph, nodes=graph.nodes[::-1]))
    with pytest.raises(VerifyError, match="is never defined"):
        verify_graph(replace(graph, outputs=("nothing",)))
    with pytest.raises(VerifyError, match="is defined twice"):
        verify_graph(replace(graph, nodes=(*graph.nodes, Node("again", "neg", ("x",), ("relu",)))))
    with pytest.raises(VerifyError, match="has no type"):
        verify_graph(replace(graph, nodes=(*graph.nodes, Node("new", "neg", ("x",), ("new",)))))
    with pytest.raises(VerifyError, match="constant 'c' is"):
        verify_graph(replace(graph, constants={"c": np.zeros(4, np.float32)}))
