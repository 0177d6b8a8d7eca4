"""What is wrong with a model or a request is said in one line, by an error of the right class."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, external_data_helper, helper

from compiler.errors import InputError, ModelError, ShapeError, TilewrightError, UnsupportedOperator
from compiler.frontends.onnx import load_onnx, supported_operators
from tests.compiler.frontends.node_models import FLOAT, declare, graph_of, int64, model_of, node_model, random


def small_model() -> ModelProto:
    """A convolution, a pool and a reshape, which among them use attributes and stored values of most kinds."""
    x = random(1, 2, 5, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1], auto_pad="NOTSET"),
        helper.make_node("MaxPool", ["c"], ["p"], name="pool", kernel_shape=[2, 2]),
        helper.make_node("LeakyRelu", ["p"], ["l"], name="leaky", alpha=0.5),
        helper.make_node("Reshape", ["l", "shape"], ["y"], name="flat"),
    ]
    stored = {"w": random(3, 2, 3, 3, seed=1), "b": random(3, seed=2), "shape": int64(1, -1)}
    return model_of(graph_of(nodes, [declare("x", x)], ["y"], stored), 13)


def open_model(*dimensions: int | str | None) -> ModelProto:
    node = helper.make_node("Relu", ["x"], ["y"])
    return model_of(graph_of([node], [helper.make_tensor_value_info("x", FLOAT, dimensions)], ["y"]), 13)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^cannot read the model file .*none\.onnx: No such file or directory$"):
        load_onnx(tmp_path / "none.onnx")


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read the model file"):
        load_onnx(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\x00", b"PK\x03\x04 this is a zip file", b"{}", b"\x08\x07", bytes(1000)])
def test_not_a_model(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"model\.onnx is truncated or not an ONNX model \([^\n]*\)$"):
        load_onnx(path)


def test_truncated_anywhere() -> None:
    data = small_model().SerializeToString()
    assert load_onnx(data).outputs == ("y",)
    for length in range(len(data)):
        with pytest.raises(ModelError) as caught:
            load_onnx(data[:length])
        assert "\n" not in str(caught.value)


@given(st.data())
def test_damaged_bytes_never_surprise(data: st.DataObject) -> None:
    """Either the model is still one, or the error is one of ours."""
    damaged = bytearray(small_model().SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(TilewrightError):
        load_onnx(bytes(damaged))


@pytest.mark.parametrize("opset", [6, 999])
def test_opset_out_of_range(opset: int) -> None:
    with pytest.raises(UnsupportedOperator, match=rf"opset {opset} is not supported; supported are opsets 7 to \d+"):
        load_onnx(node_model("Relu", opset, {"x": random(2)}))


def test_unsupported_operator_is_named_with_its_node() -> None:
    model = node_model("TopK", 11, {"x": random(5)}, [int64(2)], 2)
    with pytest.raises(
        UnsupportedOperator, match=r"node 'the_node' \(TopK, opset 11\): the operator TopK is not supported; supported are Abs, "
    ):
        load_onnx(model)


def test_operator_of_an_unknown_domain() -> None:
    model = node_model("FusedConv", 13, {"x": random(5)}, domain="com.microsoft")
    with pytest.raises(UnsupportedOperator, match=r"\(com\.microsoft\.FusedConv, opset 1\): the operator com\.microsoft\.FusedConv is not"):
        load_onnx(model)


def test_unsupported_element_type_is_named() -> None:
    model = node_model("Relu", 13, {"x": random(5).astype(np.float16)})
    with pytest.raises(UnsupportedOperator, match=r"input 'x' has dtype float16; supported are float32, int32, int64, bool"):
        load_onnx(model)


def test_cast_to_an_unsupported_element_type() -> None:
    model = node_model("Cast", 13, {"x": random(5)}, to=TensorProto.DOUBLE)
    with pytest.raises(UnsupportedOperator, match=r"node 'the_node' \(Cast, opset 13\): the result has dtype float64; supported are"):
        load_onnx(model)


def test_input_that_is_no_tensor() -> None:
    declared = helper.make_tensor_sequence_value_info("x", FLOAT, [2])
    model = model_of(graph_of([helper.make_node("SequenceLength", ["x"], ["y"])], [declared], ["y"]), 13)
    with pytest.raises(UnsupportedOperator, match="input 'x' is of kind sequence; supported are tensors"):
        load_onnx(model)


def test_unknown_attribute_is_not_ignored() -> None:
    with pytest.raises(UnsupportedOperator, match="attribute 'consumed' is not supported here"):
        load_onnx(node_model("Relu", 13, {"x": random(5)}, consumed=1))


def test_attribute_of_a_wrong_type() -> None:
    with pytest.raises(ModelError, match=r"attribute 'alpha' is of type INT; it must be FLOAT"):
        load_onnx(node_model("LeakyRelu", 13, {"x": random(5)}, alpha=1))


def test_output_that_is_not_served() -> None:
    with pytest.raises(UnsupportedOperator, match="output 'y1' is not supported; supported are the first 1"):
        load_onnx(node_model("MaxPool", 12, {"x": random(1, 1, 4, 4)}, outputs=2, kernel_shape=[2, 2]))


def test_value_that_must_be_known() -> None:
    model = node_model("Reshape", 13, {"x": random(4), "shape": int64(2, 2)})
    with pytest.raises(UnsupportedOperator, match=r"the shape \(input 'shape'\) depends on the model's inputs; supported are values that"):
        load_onnx(model)
    assert load_onnx(model, constants={"shape": [2, 2]}).types["y0"].shape == (2, 2)


def test_missing_input_of_a_node() -> None:
    with pytest.raises(ModelError, match="input 1 is missing"):
        load_onnx(node_model("Conv", 13, {"x": random(1, 1, 3, 3)}))


def test_value_that_nothing_computes() -> None:
    model = model_of(graph_of([helper.make_node("Relu", ["nowhere"], ["y"])], [], ["y"]), 13)
    with pytest.raises(ModelError, match="value 'nowhere' is used before anything computes it"):
        load_onnx(model)


def test_unknown_dimension_says_which_and_what_to_do() -> None:
    with pytest.raises(ShapeError) as caught:
        load_onnx(open_model("batch", 3, "height", None))
    assert str(caught.value) == (
        "g: input 'x' has unknown dimensions 0 (batch), 2 (height), 3; give the whole shape, for example --shape x=1,3,224,224"
    )


def test_unknown_rank() -> None:
    model = open_model(1)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(ShapeError, match="input 'x' has no shape in the model; give it, for example --shape x=1,3,224,224"):
        load_onnx(model)
    assert load_onnx(model, shapes={"x": (4, 5)}).types["y"].shape == (4, 5)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 3), "has 2 dimensions; the model has N,3,H"),
        ((2, 4, 5), "differs in dimension 1; the model has N,3,H"),
        ((2, 3, -5), "has a negative extent"),
    ],
)
def test_given_shape_that_contradicts_the_model(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError, match=rf"the shape {','.join(map(str, shape))} given for input 'x' {words}"):
        load_onnx(open_model("N", 3, "H"), shapes={"x": shape})


def test_shape_for_an_unknown_input() -> None:
    with pytest.raises(ShapeError, match="a shape is given for 'z', which is no input; inputs are 'x'"):
        load_onnx(open_model(2), shapes={"z": (2,)})


def test_constant_for_an_unknown_input() -> None:
    with pytest.raises(InputError, match="a constant is given for 'z', which is no input; inputs are 'x'"):
        load_onnx(open_model(2), constants={"z": 1})


def test_symbol_bound_by_one_input_holds_for_all() -> None:
    node = helper.make_node("Add", ["a", "b"], ["y"])
    inputs = [helper.make_tensor_value_info(name, FLOAT, ["N", 3]) for name in ("a", "b")]
    graph = load_onnx(model_of(graph_of([node], inputs, ["y"]), 13), shapes={"a": (5, 3)})
    assert graph.types["b"].shape == (5, 3)


def test_external_data(tmp_path: Path) -> None:
    model = small_model()
    external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    external_data_helper.write_external_data_tensors(model, str(tmp_path))
    path.write_bytes(model.SerializeToString())
    np.testing.assert_array_equal(load_onnx(path).constants["w"], random(3, 2, 3, 3, seed=1))
    with pytest.raises(ModelError, match="is stored in another file; give the model's path"):
        load_onnx(path.read_bytes())
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: its external data cannot be read: [^\n]*$"):
        load_onnx(path)


def test_supported_operators_are_sorted_and_many() -> None:
    names = supported_operators()
    assert list(names) == sorted(names)
    assert {"Conv", "Gemm", "LSTM", "Resize"} <= set(names)
