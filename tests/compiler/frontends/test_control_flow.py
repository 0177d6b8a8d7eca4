"""If, Loop, Scan and functions leave plain operators behind."""

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper

from compiler.errors import UnsupportedOperator
from compiler.frontends.onnx import load_onnx
from compiler.graph import evaluate
from tests.compiler.frontends.node_models import FLOAT, Array, assert_equals_onnxruntime, declare, graph_of, int64, model_of, random

X = random(2, 3)
SCALAR_BOOL = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
SCALAR_INT = helper.make_tensor_value_info("i", TensorProto.INT64, [])


def node(op_type: str, inputs: list[str], outputs: list[str], **attributes: object) -> NodeProto:
    return helper.make_node(op_type, inputs, outputs, **attributes)


def branch(op_type: str) -> object:
    return helper.make_graph([node(op_type, ["x"], ["r"])], op_type, [], [helper.make_tensor_value_info("r", FLOAT, [2, 3])])


def if_node() -> NodeProto:
    return node("If", ["c"], ["y"], then_branch=branch("Exp"), else_branch=branch("Neg"))


@pytest.mark.parametrize(("condition", "op"), [(True, "exp"), (False, "neg")])
def test_known_condition_takes_one_branch(condition: bool, op: str) -> None:
    model = model_of(graph_of([if_node()], [declare("x", X)], ["y"], {"c": np.asarray(condition)}), 13)
    assert [each.op for each in assert_equals_onnxruntime(model, {"x": X}).nodes] == [op]


def test_known_condition_may_be_given() -> None:
    model = model_of(graph_of([if_node()], [SCALAR_BOOL, declare("x", X)], ["y"]), 13)
    graph = load_onnx(model, constants={"c": False})
    assert graph.inputs == ("x",)
    assert [each.op for each in graph.nodes] == ["neg"]


@pytest.mark.parametrize("condition", [True, False])
def test_unknown_condition_computes_both_branches(condition: bool) -> None:
    model = model_of(graph_of([if_node()], [SCALAR_BOOL, declare("x", X)], ["y"]), 13)
    graph = assert_equals_onnxruntime(model, {"x": X, "c": np.asarray(condition)})
    assert sorted(each.op for each in graph.nodes) == ["exp", "neg", "where"]


def test_condition_of_a_shape_is_known() -> None:
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "one"], ["columns"]),
        node("Equal", ["columns", "three"], ["c"]),
        if_node(),
    ]
    model = model_of(graph_of(nodes, [declare("x", X)], ["y"], {"one": np.int64(1), "three": np.int64(3)}), 13)
    assert [each.op for each in assert_equals_onnxruntime(model, {"x": X}).nodes] == ["exp"]


def test_branches_of_different_types_are_refused() -> None:
    wide = helper.make_graph([node("Concat", ["x", "x"], ["r"], axis=0)], "wide", [], [helper.make_tensor_value_info("r", FLOAT, None)])
    choose = node("If", ["c"], ["y"], then_branch=wide, else_branch=branch("Neg"))
    with pytest.raises(UnsupportedOperator, match=r"float32\[4, 3\] and float32\[2, 3\]"):
        load_onnx(model_of(graph_of([choose], [SCALAR_BOOL, declare("x", X)], ["y"]), 13))


def test_unknown_condition_of_a_branch_that_does_not_fit_is_refused() -> None:
    wrong = helper.make_graph([node("Reshape", ["x", "seven"], ["r"])], "wrong", [], [helper.make_tensor_value_info("r", FLOAT, None)])
    choose = node("If", ["c"], ["y"], then_branch=branch("Exp"), else_branch=wrong)
    model = model_of(graph_of([choose], [SCALAR_BOOL, declare("x", X)], ["y"], {"seven": int64(7)}), 13)
    with pytest.raises(
        UnsupportedOperator, match=r"condition \(input 'c'\) depends on .*not every branch can be compiled: .*cannot be reshaped"
    ):
        load_onnx(model)


def loop_model(stored: dict[str, Array], body_condition: str = "c") -> object:
    """x doubles each round; the value before doubling is collected."""
    nodes = [
        node("Add", ["v", "v"], ["v2"]),
        node("Identity", [body_condition], ["c2"]),
        node("Identity", ["v"], ["collected"]),
    ]
    if body_condition == "less":
        nodes.insert(0, node("Less", ["i", "two"], ["less"]))
    if body_condition == "sum_is_small":
        nodes[:0] = [node("ReduceSum", ["v"], ["sum"], keepdims=0), node("Less", ["sum", "ten"], ["sum_is_small"])]
    outputs = [
        helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
        helper.make_tensor_value_info("v2", FLOAT, [2, 3]),
        helper.make_tensor_value_info("collected", FLOAT, [2, 3]),
    ]
    body = helper.make_graph(nodes, "body", [SCALAR_INT, SCALAR_BOOL, helper.make_tensor_value_info("v", FLOAT, [2, 3])], outputs)
    loop = node("Loop", ["n" if "n" in stored else "", "", "x"], ["last", "all"], body=body)
    return model_of(graph_of([loop], [declare("x", X)], ["last", "all"], stored), 13)


def test_loop_of_known_length_is_unrolled() -> None:
    graph = assert_equals_onnxruntime(loop_model({"n": np.asarray(3, np.int64)}), {"x": X})
    assert [each.op for each in graph.nodes].count("add") == 3
    assert graph.types["all"].shape == (3, 2, 3)


def test_loop_ends_when_its_known_condition_does() -> None:
    graph = assert_equals_onnxruntime(loop_model({"two": np.int64(2)}, "less"), {"x": X})
    assert graph.types["all"].shape == (3, 2, 3)


def test_loop_whose_end_depends_on_the_input_is_refused() -> None:
    with pytest.raises(UnsupportedOperator, match="the end of the loop depends on the model's inputs"):
        load_onnx(loop_model({"ten": np.float32(10)}, "sum_is_small"))


def test_endless_loop_is_refused() -> None:
    with pytest.raises(UnsupportedOperator, match="more than 4096 rounds"):
        load_onnx(loop_model({}))


def scan_model(**attributes: object) -> object:
    """The running sum over the rows of x."""
    nodes = [node("Add", ["total", "row"], ["total2"]), node("Identity", ["total2"], ["out"])]
    values = [helper.make_tensor_value_info(name, FLOAT, [3]) for name in ("total", "row", "total2", "out")]
    body = helper.make_graph(nodes, "body", values[:2], values[2:])
    scan = node("Scan", ["zero", "x"], ["sum", "sums"], body=body, num_scan_inputs=1, **attributes)
    return model_of(graph_of([scan], [declare("x", X)], ["sum", "sums"], {"zero": np.zeros(3, np.float32)}), 11)


@pytest.mark.parametrize("attributes", [{}, {"scan_input_directions": [1]}, {"scan_output_directions": [1]}, {"scan_output_axes": [1]}])
def test_scan_is_unrolled(attributes: dict[str, list[int]]) -> None:
    assert_equals_onnxruntime(scan_model(**attributes), {"x": X})


def test_function_of_the_model_is_inlined() -> None:
    body = [
        node("Constant", [], ["k"]),
        node("Mul", ["a", "k"], ["scaled"]),
        node("LeakyRelu", ["scaled"], ["b"]),
    ]
    for attribute, name, kind in ((body[0], "value_float", "factor"), (body[2], "alpha", "slope")):
        reference = attribute.attribute.add()
        reference.name, reference.ref_attr_name, reference.type = name, kind, 1
    function = helper.make_function("custom", "Scaled", ["a"], ["b"], body, [helper.make_opsetid("", 13)], ["factor", "slope"])
    call = node("Scaled", ["x"], ["y"], domain="custom", factor=3.0, slope=0.25)
    model = model_of(graph_of([call], [declare("x", X)], ["y"]), 13)
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("custom", 1))
    (result,) = evaluate(load_onnx(model), {"x": X})
    np.testing.assert_allclose(result, np.where(X > 0, X, X * np.float32(0.25)) * 3, rtol=1e-6)


def test_function_of_the_standard_is_inlined() -> None:
    """An operator without a converter, which the standard defines by others."""
    labels = int64(1, 0)
    scores = random(2, 4)
    loss = node("NegativeLogLikelihoodLoss", ["scores", "labels"], ["y"], reduction="mean")
    model = model_of(graph_of([loss], [declare("scores", scores), declare("labels", labels)], ["y"]), 13)
    assert_equals_onnxruntime(model, {"scores": scores, "labels": labels})
