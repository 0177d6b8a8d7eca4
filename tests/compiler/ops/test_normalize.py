"""Normalisations, softmax and LRN, in both layouts where they have two."""

import numpy as np
import pytest

from compiler.errors import ShapeError
from compiler.ops import OPERATORS, get_operator
from compiler.tensor_type import TensorType

SHAPES = [(2, 3), (2, 5, 7), (2, 3, 5, 4), (1, 7, 2, 3, 2)]


def blocked(x, block):
    attributes = {"source": "NCHW", "destination": f"NCHW{block}c", "channels": x.shape[1]}
    return OPERATORS["layout_transform"].reference([x], attributes)[0]


def floats(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def vectors(channels, count):
    return [np.random.default_rng(seed).random(channels).astype(np.float32) + np.float32(0.1) for seed in range(count)]


def with_garbage(x, channels):
    """The lanes beyond the channels hold other numbers than zero."""
    dirty = x.copy()
    lanes = x.shape[1] * x.shape[4] - channels
    if lanes:
        dirty[:, -1, :, :, -lanes:] = 1e3
    return dirty


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm(shape, check, ort):
    arrays = [floats(shape, 1), *vectors(shape[1], 4)]
    (y,) = check("batch_norm", arrays, epsilon=1e-3, layout="NCHW")
    np.testing.assert_allclose(y, ort("BatchNormalization", arrays, epsilon=1e-3)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if len(shape) > 2], ids=str)
def test_instance_norm(shape, check, ort):
    arrays = [floats(shape, 2), *vectors(shape[1], 2)]
    (y,) = check("instance_norm", arrays, epsilon=1e-3, layout="NCHW")
    np.testing.assert_allclose(y, ort("InstanceNormalization", arrays, epsilon=1e-3)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [8, 5, 3])
@pytest.mark.parametrize(("op", "count"), [("batch_norm", 4), ("instance_norm", 2)])
def test_blocked_normalisation(op, count, channels, check):
    x, per_channel = floats((2, channels, 3, 5), 3), vectors(channels, count)
    (y,) = check(op, [with_garbage(blocked(x, 4), channels), *per_channel], epsilon=1e-3, layout="NCHW4c")
    (expected,) = get_operator(op).reference([x, *per_channel], {"epsilon": 1e-3, "layout": "NCHW"})
    np.testing.assert_allclose(y, blocked(expected, 4), rtol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 5), (2, 3, 2, 5)], ids=str)
def test_layer_norm(shape, bias, check, ort):
    for axis in range(len(shape)):
        arrays = [floats(shape, seed)[(0,) * (axis if seed > 4 else 0)] for seed in (4, 5, 6)[: 2 + bias]]
        (y,) = check("layer_norm", arrays, axis=axis, epsilon=1e-3)
        np.testing.assert_allclose(y, ort("LayerNormalization", arrays, axis=axis, epsilon=1e-3)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "groups"), [((2, 6, 5), 3), ((2, 6, 3, 5), 2), ((1, 4, 2, 3, 2), 4), ((2, 6), 1)])
def test_group_norm(shape, groups, check, ort):
    arrays = [floats(shape, 7), *vectors(shape[1], 2)]
    (y,) = check("group_norm", arrays, groups=groups, epsilon=1e-3)
    np.testing.assert_allclose(y, ort("GroupNormalization", arrays, opset=21, num_groups=groups, epsilon=1e-3)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("channels", [2, 4, 7])
def test_lrn(size, channels, check, ort):
    x = floats((2, channels, 3, 5), 8) * 3
    numbers = {"size": size, "alpha": 0.3, "beta": 0.75, "bias": 1.5}
    (y,) = check("lrn", [x], **numbers, layout="NCHW", channels=channels)
    np.testing.assert_allclose(y, ort("LRN", [x], **numbers)[0], rtol=1e-5, atol=1e-6)
    (packed,) = check("lrn", [with_garbage(blocked(x, 4), channels)], **numbers, layout="NCHW4c", channels=channels)
    np.testing.assert_allclose(packed, blocked(y, 4), rtol=1e-6)


def test_lrn_of_even_size(check):
    x = floats((1, 5, 2), 9)
    (y,) = check("lrn", [x], size=4, alpha=1.0, beta=0.5, bias=1.0, layout="NCHW", channels=5)
    window = (x[:, 0:4] ** 2).sum(axis=1)
    np.testing.assert_allclose(y[:, 1], x[:, 1] / np.sqrt(1 + window / 4), rtol=1e-6)


@pytest.mark.parametrize(("op", "onnx_name"), [("softmax", "Softmax"), ("log_softmax", "LogSoftmax")])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 5), (2, 1, 3, 7), (1, 2, 3, 2, 5)], ids=str)
def test_softmax(op, onnx_name, shape, check, ort):
    x = floats(shape, 10) * 5
    for axis in range(len(shape)):
        (y,) = check(op, [x], axis=axis)
        np.testing.assert_allclose(y, ort(onnx_name, [x], axis=axis)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_softmax_of_large_numbers(op, check):
    (y,) = check(op, [np.asarray([[1e4, 1e4 + 1, -1e4]], np.float32)], axis=1)
    assert np.isfinite(y).all()


def test_errors():
    with pytest.raises(ShapeError, match="batch_norm: the other inputs must be vectors with one element per channel"):
        get_operator("batch_norm").infer_types([TensorType((1, 3, 4)), *[TensorType((4,))] * 4], {"layout": "NCHW"})
    with pytest.raises(ShapeError, match="lrn: 9 channels do not fit layout NCHW4c"):
        get_operator("lrn").infer_types([TensorType((1, 2, 3, 3, 4))], {"layout": "NCHW4c", "channels": 9, "size": 3})
    with pytest.raises(ShapeError, match=r"softmax: axis 2 is not in \[0, 2\)"):
        get_operator("softmax").infer_types([TensorType((2, 3))], {"axis": 2})
    with pytest.raises(ShapeError, match="group_norm: the channels do not divide into 2 groups"):
        get_operator("group_norm").infer_types([TensorType((2, 3, 4)), *[TensorType((3,))] * 2], {"groups": 2})
