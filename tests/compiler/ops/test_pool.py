"""Pools of one to three dimensions and of both layouts, against their references; the references against onnxruntime."""

import numpy as np
import pytest

from compiler.errors import ShapeError
from compiler.ops import OPERATORS, get_operator, pool_output_size
from compiler.tensor_type import TensorType

# spatial shape, kernel, strides, padding, dilations, ceil mode
CASES = [
    ((11,), (3,), (2,), (1, 0), (1,), False),
    ((10,), (3,), (3,), (0, 0), (1,), True),
    ((7, 5), (2, 3), (1, 1), (0, 0, 0, 0), (1, 1), False),
    ((8, 9), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), False),
    ((8, 9), (3, 3), (2, 2), (0, 0, 0, 0), (1, 1), True),
    ((13, 11), (3, 2), (2, 3), (0, 1, 2, 1), (2, 3), False),
    ((6, 7), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), True),
    ((9, 10), (2, 2), (3, 4), (1, 0, 0, 1), (2, 1), True),
    ((5, 4, 7), (2, 3, 2), (2, 1, 3), (1, 1, 0, 0, 2, 1), (1, 1, 1), False),
    ((5, 4, 7), (2, 2, 3), (2, 2, 2), (0, 1, 0, 0, 1, 1), (1, 1, 2), True),
]


def attributes_of(case, layout="NCHW"):
    extents, kernel, strides, padding, dilations, ceil_mode = case
    size = pool_output_size(extents, kernel, strides, padding, dilations, ceil_mode)
    return {"kernel": kernel, "strides": strides, "padding": padding, "dilations": dilations, "output_size": size, "layout": layout}


def onnx_attributes(case):
    _, kernel, strides, padding, dilations, ceil_mode = case
    return {"kernel_shape": kernel, "strides": strides, "pads": padding, "dilations": dilations, "ceil_mode": int(ceil_mode)}


def blocked(x, block):
    attributes = {"source": "NCHW", "destination": f"NCHW{block}c", "channels": x.shape[1]}
    return OPERATORS["layout_transform"].reference([x], attributes)[0]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_max_pool(case, check, ort):
    x = np.random.default_rng(1).standard_normal((2, 3, *case[0])).astype(np.float32) - 5
    (y,) = check("max_pool", [x], **attributes_of(case))
    np.testing.assert_array_equal(y, ort("MaxPool", [x], opset=19, **onnx_attributes(case))[0])


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_average_pool(case, count_include_pad, check, ort):
    x = np.random.default_rng(2).standard_normal((2, 3, *case[0])).astype(np.float32)
    (y,) = check("average_pool", [x], count_include_pad=count_include_pad, **attributes_of(case))
    (expected,) = ort("AveragePool", [x], opset=19, count_include_pad=int(count_include_pad), **onnx_attributes(case))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [8, 5])
@pytest.mark.parametrize("case", [case for case in CASES if len(case[0]) == 2], ids=str)
def test_blocked_layout(case, channels, check):
    x = np.random.default_rng(3).standard_normal((2, channels, *case[0])).astype(np.float32)
    plain, packed = attributes_of(case), attributes_of(case, "NCHW4c")
    (y,) = check("max_pool", [blocked(x, 4)], **packed)
    np.testing.assert_array_equal(y[:, :1], blocked(get_operator("max_pool").reference([x], plain)[0], 4)[:, :1])
    for include in (True, False):
        (y,) = check("average_pool", [blocked(x, 4)], count_include_pad=include, **packed)
        expected = get_operator("average_pool").reference([x], {**plain, "count_include_pad": include})[0]
        np.testing.assert_allclose(y, blocked(expected, 4), rtol=1e-6)


@pytest.mark.parametrize("extents", [(), (7,), (3, 5), (2, 3, 5)], ids=str)
def test_global_pools(extents, check):
    x = np.random.default_rng(4).standard_normal((2, 3, *extents)).astype(np.float32)
    axes = tuple(range(2, x.ndim))
    np.testing.assert_allclose(check("global_average_pool", [x], layout="NCHW")[0], x.mean(axis=axes, keepdims=True), atol=1e-6)
    np.testing.assert_array_equal(check("global_max_pool", [x], layout="NCHW")[0], x.max(axis=axes, keepdims=True))


def test_global_pools_blocked(check):
    x = np.random.default_rng(5).standard_normal((2, 6, 3, 5)).astype(np.float32)
    (y,) = check("global_average_pool", [blocked(x, 4)], layout="NCHW4c")
    np.testing.assert_allclose(y, blocked(x.mean(axis=(2, 3), keepdims=True), 4), atol=1e-6)
    assert check("global_max_pool", [blocked(x, 4)], layout="NCHW4c")[0].shape == (2, 2, 1, 1, 4)


def test_integers(check):
    x = np.random.default_rng(6).integers(-9, 0, (1, 2, 5, 5))
    (y,) = check("max_pool", [x], **attributes_of(((5, 5), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), False)))
    assert y.dtype == np.int64
    assert y.max() < 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kernel": (3,)}, "do not fit 2 spatial axes"),
        ({"strides": (0, 1)}, "are not all positive"),
        ({"output_size": (9, 9)}, "contradict each other"),
        ({"layout": "NCHW8c"}, r"needs an input of layout NCHW8c; found float32\[1, 2, 5, 5\]"),
        ({"layout": "NHWC"}, "unknown layout 'NHWC'"),
    ],
)
def test_errors(change, text):
    attributes = attributes_of(((5, 5), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), False)) | change
    with pytest.raises(ShapeError, match=text):
        get_operator("max_pool").infer_types([TensorType((1, 2, 5, 5))], attributes)
