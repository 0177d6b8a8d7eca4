"""winograd_conv2d against the reference of conv2d: odd sizes, several images, channels that fill no block, kernels of every shape."""

import numpy as np
import pytest

from compiler.errors import ShapeError
from compiler.ops import get_operator
from compiler.te import placeholder, producers
from compiler.tensor_type import TensorType
from tests.compiler.ops.test_conv import blocked, floats, with_garbage

# Images, channels, height, width; output channels and kernel; padding; tile.
CASES = {
    "F(2x2)": ((1, 8, 6, 6), (8, 3, 3), (1, 1, 1, 1), (2, 2)),
    "F(4x4)": ((1, 4, 8, 8), (4, 3, 3), (1, 1, 1, 1), (4, 4)),
    "F(6x6)": ((1, 4, 7, 8), (4, 3, 3), (1, 1, 1, 1), (6, 6)),
    "F(2x4), odd sizes": ((1, 4, 7, 5), (4, 3, 3), (1, 1, 1, 1), (2, 4)),
    "F(4x2), odd channels": ((1, 5, 5, 7), (7, 3, 3), (1, 1, 1, 1), (4, 2)),
    "few channels": ((1, 3, 5, 5), (2, 3, 3), (1, 1, 1, 1), (2, 2)),
    "several images": ((3, 5, 5, 3), (4, 3, 3), (1, 1, 1, 1), (4, 2)),
    "no border": ((1, 4, 7, 6), (4, 3, 3), (0, 0, 0, 0), (2, 2)),
    "no border, whole tiles": ((1, 4, 6, 6), (4, 3, 3), (0, 0, 0, 0), (4, 4)),
    "uneven border": ((2, 4, 6, 4), (4, 3, 3), (0, 1, 2, 0), (2, 4)),
    "wide border": ((1, 4, 3, 2), (4, 3, 3), (3, 2, 4, 1), (4, 4)),
    "one pixel": ((1, 4, 3, 3), (4, 3, 3), (0, 0, 0, 0), (4, 4)),
    "5x5": ((1, 4, 7, 6), (5, 5, 5), (2, 2, 2, 2), (2, 4)),
    "5x3": ((1, 4, 6, 7), (4, 5, 3), (2, 1, 2, 1), (4, 2)),
    "2x2": ((1, 4, 6, 7), (4, 2, 2), (0, 0, 1, 1), (3, 5)),
    "1x3": ((1, 4, 3, 9), (4, 1, 3), (0, 1, 0, 1), (1, 4)),
    "1x3 in tiles of two rows": ((1, 4, 5, 9), (4, 1, 3), (0, 1, 0, 1), (2, 4)),
    "3x1": ((2, 5, 9, 3), (6, 3, 1), (1, 0, 1, 0), (6, 1)),
    "1x7": ((1, 4, 3, 7), (4, 1, 7), (0, 3, 0, 3), (1, 2)),
    "7x1": ((1, 4, 7, 3), (4, 7, 1), (3, 0, 3, 0), (2, 1)),
    "1x1": ((1, 4, 3, 3), (4, 1, 1), (0, 0, 0, 0), (2, 1)),
}
# The same with strides.
STRIDED = {
    "3x3": ((1, 8, 9, 8), (8, 3, 3), (1, 1, 1, 1), (2, 2), (2, 2)),
    "3x3, odd channels": ((2, 5, 7, 6), (7, 3, 3), (1, 1, 1, 1), (4, 2), (2, 2)),
    "3x3, rest of the input unread": ((1, 4, 8, 10), (4, 3, 3), (0, 0, 0, 0), (2, 4), (2, 2)),
    "3x3, uneven border": ((1, 4, 8, 7), (4, 3, 3), (0, 2, 3, 1), (2, 2), (2, 2)),
    "3x3, along one axis": ((1, 4, 7, 6), (4, 3, 3), (1, 1, 1, 1), (2, 4), (1, 2)),
    "3x3, along the other axis": ((1, 4, 7, 6), (4, 3, 3), (1, 1, 1, 1), (2, 4), (2, 1)),
    "5x5": ((1, 4, 9, 9), (4, 5, 5), (2, 2, 2, 2), (2, 4), (2, 2)),
    "7x7": ((1, 3, 12, 11), (8, 7, 7), (3, 3, 3, 3), (2, 2), (2, 2)),
    "1x5": ((1, 4, 3, 13), (4, 1, 5), (0, 2, 0, 2), (1, 4), (1, 2)),
    "1x1": ((1, 4, 5, 6), (4, 1, 1), (0, 0, 0, 0), (2, 2), (2, 2)),
    "2x2, windows side by side": ((1, 4, 8, 6), (4, 2, 2), (0, 0, 0, 0), (3, 2), (2, 2)),
    "3x3, three": ((1, 4, 10, 8), (4, 3, 3), (1, 1, 1, 1), (2, 2), (3, 3)),
    "5x5, three and two": ((1, 4, 11, 9), (4, 5, 5), (2, 2, 2, 2), (2, 2), (3, 2)),
}


def attributes_of(padding, tile, strides=(1, 1)):
    plain = {"strides": strides, "dilations": (1, 1), "groups": 1}
    return {**plain, "padding": padding, "layout": "NCHW4c", "out_layout": "NCHW4c", "tile": tile}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_direct_convolution(name, check):
    check_case(CASES[name], check)


@pytest.mark.parametrize("name", STRIDED)
def test_strides(name, check):
    """Of the phases of the input, some have a tap less than others."""
    check_case(STRIDED[name], check)


@pytest.mark.parametrize("name", {**CASES, **STRIDED})
def test_plain_data(name, check):
    """As the input of a network is: every channel is a block of its own."""
    check_case({**CASES, **STRIDED}[name], check, layout="NCHW")


def check_case(case, check, layout="NCHW4c"):
    shape, (out_channels, *kernel), padding, tile, *strides = case
    x, w = floats(shape, 1), floats((out_channels, shape[1], *kernel), 2)
    attributes = {**attributes_of(padding, tile, *strides), "layout": layout}
    data = x if layout == "NCHW" else with_garbage(blocked(x, 4), shape[1])
    (y,) = check("winograd_conv2d", [data, w], tolerance=1e-4, **attributes)
    plain = {**attributes, "layout": "NCHW", "out_layout": "NCHW"}
    (want,) = get_operator("conv2d").reference([x, w], plain)
    np.testing.assert_allclose(y, blocked(want, 4), rtol=1e-5, atol=1e-5)


def test_stages_have_the_shapes_that_the_schedule_counts_on():
    data, weight = placeholder((2, 3, 7, 9, 4), "data"), placeholder((7, 10, 3, 5), "weight")
    (output,) = get_operator("winograd_conv2d").compute("conv", [data, weight], attributes_of((1, 2, 1, 2), (4, 2)))
    stages = {output.name: output}
    waiting = [output]
    while waiting:
        for source in producers(waiting.pop()):
            if source.name not in stages:
                stages[source.name] = source
                waiting.append(source)
    tiles = 2 * 2 * 5
    assert {name: stage.shape for name, stage in stages.items()} == {
        "data": (2, 3, 7, 9, 4),
        "weight": (7, 10, 3, 5),
        "conv.pad": (2, 3, 10, 14, 4),
        "conv.half": (3, 6, 6, tiles, 4),
        "conv.input": (6, 6, 3, tiles, 4),
        "conv.weight_half": (2, 6, 5, 3, 4, 4),
        "conv.weight": (2, 6, 6, 3, 4, 4),
        "conv.product": (6, 6, 2, tiles, 4),
        "conv.columns": (2, tiles, 4, 6, 4),
        "conv": (2, 2, 7, 9, 4),
    }


@pytest.mark.parametrize(
    ("data", "weight", "change", "text"),
    [
        ((1, 2, 7, 7, 4), (8, 8, 3, 3), {"dilations": (2, 2)}, "only a convolution to a blocked layout, of one group and without dilation"),
        ((1, 2, 7, 7, 4), (8, 4, 3, 3), {"groups": 2}, "of one group"),
        ((1, 2, 7, 7, 4), (8, 1, 3, 3), {"groups": 8}, "of one group"),
        ((1, 8, 7, 7), (8, 8, 3, 3), {"layout": "NCHW", "out_layout": "NCHW"}, "only a convolution to a blocked layout"),
        ((1, 2, 7, 7, 4), (8, 8, 3, 3), {"out_layout": "NCHW"}, "only a convolution to a blocked layout"),
        ((1, 2, 7, 7, 4), (8, 8, 3, 3), {"out_layout": "NCHW8c"}, "only a convolution to a blocked layout"),
        ((1, 2, 9, 9, 4), (8, 8, 3, 3), {"tile": (2, 7)}, r"F\(7, 3\) needs 9 products; at most 8"),
        ((1, 2, 9, 9, 4), (8, 8, 5, 5), {"tile": (6, 2)}, r"F\(6, 5\) needs 10 products; at most 8"),
        ((1, 2, 9, 9, 4), (8, 8, 9, 1), {"tile": (1, 2)}, r"F\(1, 9\) needs 9 products; at most 8"),
        ((1, 2, 9, 9, 4), (8, 8, 5, 5), {"strides": (2, 2), "tile": (7, 2)}, r"F\(7, 3\) needs 9 products; at most 8"),
        ((1, 2, 7, 7, 4), (8, 8, 3, 3), {"tile": (0, 2)}, r"F\(0, 3\): at least one output"),
        ((1, 2, 7, 7, 4), (8, 9, 3, 3), {}, "data in layout NCHW4c has 9 channels"),
    ],
)
def test_errors(data, weight, change, text):
    attributes = attributes_of((1, 1, 1, 1), (2, 2)) | change
    with pytest.raises(ShapeError, match=text):
        get_operator("winograd_conv2d").infer_types([TensorType(data), TensorType(weight)], attributes)
