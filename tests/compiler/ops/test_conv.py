"""Convolutions, depthwise, grouped and transposed, of every pair of layouts; the references against onnxruntime."""

import numpy as np
import pytest

from compiler.errors import ShapeError
from compiler.ops import get_operator
from compiler.tensor_type import TensorType

# Shapes of data (N, C, H, W) and weight (OC, IC / groups, KH, KW), then strides, padding, dilations, groups.
CASES = {
    "pointwise": ((1, 5, 3, 7), (6, 5, 1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    "pointwise_strided": ((2, 3, 5, 6), (5, 3, 1, 1), (2, 2), (0, 0, 0, 0), (1, 1), 1),
    "same": ((1, 4, 6, 7), (5, 4, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    "stem": ((1, 3, 9, 8), (6, 3, 5, 5), (2, 2), (2, 2, 2, 2), (1, 1), 1),
    "uneven_padding": ((2, 3, 6, 5), (4, 3, 3, 2), (2, 1), (0, 1, 2, 0), (1, 1), 1),
    "dilated": ((1, 3, 9, 7), (4, 3, 3, 3), (1, 2), (2, 1, 0, 2), (2, 3), 1),
    "row": ((2, 3, 1, 13), (5, 3, 1, 4), (1, 3), (0, 2, 0, 1), (1, 2), 1),
    "whole_image": ((1, 3, 4, 5), (7, 3, 4, 5), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    "one_channel": ((1, 1, 6, 6), (1, 1, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    "wide_padding": ((1, 2, 3, 3), (3, 2, 3, 3), (1, 1), (4, 3, 3, 4), (1, 1), 1),
    "grouped": ((1, 8, 5, 6), (8, 4, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 2),
    "grouped_odd": ((2, 6, 5, 5), (9, 2, 3, 3), (2, 1), (1, 0, 1, 0), (1, 1), 3),
    "depthwise": ((1, 8, 7, 6), (8, 1, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 8),
    "depthwise_odd": ((2, 5, 7, 6), (5, 1, 5, 3), (2, 2), (2, 1, 2, 1), (1, 1), 5),
    "depthwise_dilated": ((1, 4, 9, 9), (4, 1, 3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 4),
    "depthwise_times_two": ((1, 3, 5, 6), (6, 1, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 3),
}
# The same with weights (IC, OC / groups, KH, KW), and the output padding after the padding.
TRANSPOSED = {
    "same": ((1, 3, 4, 5), (3, 4, 3, 3), (1, 1), (1, 1, 1, 1), (0, 0), (1, 1), 1),
    "doubling": ((2, 3, 3, 4), (3, 5, 2, 2), (2, 2), (0, 0, 0, 0), (0, 0), (1, 1), 1),
    "smooth_doubling": ((1, 4, 4, 3), (4, 3, 4, 4), (2, 2), (1, 1, 1, 1), (0, 0), (1, 1), 1),
    "uneven": ((1, 2, 4, 5), (2, 3, 3, 2), (3, 2), (1, 0, 2, 1), (1, 0), (1, 1), 1),
    "wider_than_the_kernel": ((1, 2, 3, 3), (2, 2, 2, 2), (3, 4), (0, 0, 0, 0), (0, 1), (1, 1), 1),
    "dilated": ((1, 2, 4, 4), (2, 3, 3, 3), (2, 1), (1, 2, 0, 1), (1, 0), (2, 2), 1),
    "grouped": ((1, 4, 3, 4), (4, 3, 3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (1, 1), 2),
    "depthwise": ((1, 5, 4, 3), (5, 1, 3, 3), (2, 2), (1, 1, 1, 1), (0, 0), (1, 1), 5),
}


def floats(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def conv_attributes(case, layout="NCHW", out_layout="NCHW"):
    _, _, strides, padding, dilations, groups = case
    numbers = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    return {**numbers, "layout": layout, "out_layout": out_layout}


def blocked(x, block):
    attributes = {"source": "NCHW", "destination": f"NCHW{block}c", "channels": x.shape[1]}
    return get_operator("layout_transform").reference([x], attributes)[0]


def with_garbage(x, channels):
    """The same with numbers in the lanes that no channel has."""
    lanes = x.shape[1] * x.shape[4] - channels
    dirty = x.copy()
    if lanes:
        dirty[:, -1, :, :, -lanes:] = 1e3
    return dirty


@pytest.mark.parametrize("name", CASES)
def test_conv2d(name, check, ort):
    x, w = floats(CASES[name][0], 1), floats(CASES[name][1], 2)
    _, _, strides, padding, dilations, groups = CASES[name]
    (y,) = check("conv2d", [x, w], **conv_attributes(CASES[name]))
    (expected,) = ort("Conv", [x, w], strides=strides, pads=padding, dilations=dilations, group=groups)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


LAYOUTS = [("NCHW", "NCHW4c"), ("NCHW4c", "NCHW"), ("NCHW4c", "NCHW4c"), ("NCHW4c", "NCHW8c")]


def can_be_blocked(case, layouts):
    """Whole blocks in every group; depthwise ones of any number of channels, with the same blocks on both sides."""
    weight, groups = case[1], case[5]
    depthwise = weight[:2] == (groups, 1)
    whole = weight[1] % 4 == 0 and weight[0] // groups % 4 == 0
    return groups == 1 or (layouts == ("NCHW4c", "NCHW4c") and (depthwise or whole))


@pytest.mark.parametrize("layouts", LAYOUTS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_blocked_conv2d(name, layouts, check):
    x, w = floats(CASES[name][0], 3), floats(CASES[name][1], 4)
    attributes = conv_attributes(CASES[name], *layouts)
    data = x if layouts[0] == "NCHW" else with_garbage(blocked(x, 4), x.shape[1])
    if not can_be_blocked(CASES[name], layouts):
        with pytest.raises(ShapeError, match="cannot be blocked by"):
            get_operator("conv2d").infer_types([TensorType(data.shape), TensorType(w.shape)], attributes)
        return
    (y,) = check("conv2d", [data, w], **attributes)
    (plain,) = get_operator("conv2d").reference([x, w], conv_attributes(CASES[name]))
    expected = plain if layouts[1] == "NCHW" else blocked(plain, y.shape[4])
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv2d_transpose(name, check, ort):
    data, weight, strides, padding, extra, dilations, groups = TRANSPOSED[name]
    x, w = floats(data, 5), floats(weight, 6)
    numbers = {"strides": strides, "dilations": dilations, "output_padding": extra}
    (y,) = check("conv2d_transpose", [x, w], **numbers, padding=padding, groups=groups)
    np.testing.assert_allclose(y, ort("ConvTranspose", [x, w], **numbers, pads=padding, group=groups)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"groups": 3}, "the output channels divide into 3 groups"),
        ({"dilations": (4, 1)}, "fits the padded data"),
        ({"layout": "NCHW4c"}, "data in layout NCHW4c has 4 channels"),
    ],
)
def test_errors(change, text):
    kinds = [TensorType(CASES["same"][0]), TensorType((4, 4, 3, 3))]
    with pytest.raises(ShapeError, match=text):
        get_operator("conv2d").infer_types(kinds, conv_attributes(CASES["same"]) | change)
