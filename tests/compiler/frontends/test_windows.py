"""Convolutions and pools with every kind of padding, against onnxruntime."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import ModelError, ShapeError, UnsupportedOperator
from compiler.frontends.onnx import load_onnx
from tests.compiler.frontends.node_models import assert_equals_onnxruntime, node_model, random

CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], Mapping[str, Any]]] = {
    "plain": ((2, 3, 7, 9), (4, 3, 3, 3), {}),
    "asymmetric padding": ((1, 3, 7, 9), (4, 3, 3, 2), {"pads": [1, 0, 2, 3], "strides": [2, 1]}),
    "same upper": ((1, 3, 7, 8), (4, 3, 4, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 3]}),
    "same lower": ((1, 3, 7, 8), (4, 3, 4, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 3]}),
    "valid": ((1, 3, 7, 8), (4, 3, 4, 3), {"auto_pad": "VALID", "strides": [2, 1]}),
    "dilated and grouped": ((1, 4, 9, 9), (6, 2, 3, 3), {"dilations": [2, 3], "group": 2, "pads": [2, 3, 2, 3]}),
    "depthwise": ((1, 4, 9, 9), (8, 1, 3, 3), {"group": 4, "kernel_shape": [3, 3]}),
    "one axis": ((2, 3, 11), (4, 3, 3), {"pads": [2, 1], "strides": [2], "dilations": [2]}),
}

TRANSPOSED: dict[str, tuple[tuple[int, ...], tuple[int, ...], Mapping[str, Any]]] = {
    "plain": ((2, 3, 4, 5), (3, 4, 3, 3), {}),
    "strided": ((1, 3, 4, 5), (3, 4, 3, 2), {"strides": [2, 3], "pads": [1, 0, 0, 1], "output_padding": [1, 2]}),
    "grouped and dilated": ((1, 4, 4, 5), (4, 3, 3, 3), {"group": 2, "dilations": [2, 1]}),
    "same upper": ((1, 3, 4, 5), (3, 2, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "output shape": ((1, 3, 4, 5), (3, 2, 3, 3), {"output_shape": [8, 9], "strides": [2, 2]}),
    "one axis": ((1, 3, 6), (3, 2, 4), {"strides": [2], "pads": [1, 1]}),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("with_bias", [False, True])
def test_convolution(case: str, with_bias: bool) -> None:
    data, weight, attributes = CONVOLUTIONS[case]
    bias = random(weight[0], seed=2) if with_bias else None
    assert_equals_onnxruntime(
        node_model("Conv", 11, {"x": random(*data)}, [random(*weight, seed=1), bias], **attributes), {"x": random(*data)}
    )


@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_convolution(case: str) -> None:
    data, weight, attributes = TRANSPOSED[case]
    bias = random(weight[1] * attributes.get("group", 1), seed=2)
    model = node_model("ConvTranspose", 11, {"x": random(*data)}, [random(*weight, seed=1), bias], **attributes)
    assert_equals_onnxruntime(model, {"x": random(*data)})


@given(data=st.data())
def test_pools(data: st.DataObject) -> None:
    """Any kernel, stride, padding and rounding that onnxruntime takes."""
    rank = data.draw(st.integers(1, 2))
    kernel = data.draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
    extents = [data.draw(st.integers(extent + 1, extent + 6)) for extent in kernel]
    attributes: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": data.draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank)),
        "ceil_mode": data.draw(st.integers(0, 1)),
    }
    if data.draw(st.booleans()):
        attributes["auto_pad"] = data.draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]))
        attributes["ceil_mode"] = 0
        attributes["strides"] = [min(pair) for pair in zip(attributes["strides"], kernel, strict=True)]  # onnxruntime refuses others
    else:
        attributes["pads"] = [data.draw(st.integers(0, extent - 1)) for extent in kernel * 2]
    op_type = data.draw(st.sampled_from(["MaxPool", "AveragePool"]))
    if op_type == "AveragePool":
        attributes["count_include_pad"] = data.draw(st.integers(0, 1))
    x = random(1, 2, *extents)
    assert_equals_onnxruntime(node_model(op_type, 19, {"x": x}, **attributes), {"x": x})


def test_dilated_pool() -> None:
    x = random(1, 2, 9, 9)
    assert_equals_onnxruntime(node_model("MaxPool", 12, {"x": x}, kernel_shape=[3, 2], dilations=[2, 3], strides=[2, 1]), {"x": x})


@pytest.mark.parametrize(
    ("error", "words", "weight", "attributes"),
    [
        (UnsupportedOperator, "pads .* are negative", (4, 3, 3, 3), {"pads": [0, -1, 0, 0]}),
        (ShapeError, "do not fit 2 spatial dimensions", (4, 3, 3, 3), {"strides": [2]}),
        (ShapeError, "kernel_shape is", (4, 3, 3, 3), {"kernel_shape": [3, 2]}),
        (ModelError, "must be positive", (4, 3, 3, 3), {"strides": [0, 1]}),
        (UnsupportedOperator, "auto_pad 'MIRROR' is unknown", (4, 3, 3, 3), {"auto_pad": "MIRROR"}),
        (ShapeError, "different ranks", (4, 3, 3), {}),
        (ShapeError, "conv2d", (4, 2, 3, 3), {}),
    ],
)
def test_what_does_not_fit_is_refused(error: type[Exception], words: str, weight: tuple[int, ...], attributes: Mapping[str, Any]) -> None:
    model = node_model("Conv", 11, {"x": random(1, 3, 7, 7)}, [random(*weight)], **attributes)
    with pytest.raises(error, match=rf"node 'the_node' \(Conv, opset 11\): .*{words}"):
        load_onnx(model)


def test_three_spatial_axes_are_refused() -> None:
    with pytest.raises(UnsupportedOperator, match="3 spatial dimensions are not supported; supported are 1 and 2"):
        load_onnx(node_model("Conv", 11, {"x": random(1, 3, 4, 4, 4)}, [random(2, 3, 2, 2, 2)]))
