"""Operators whose meaning or form changed between opsets, old and new, against onnxruntime."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.compiler.frontends.node_models import Array, assert_equals_onnxruntime, int64, node_model, random

X = random(2, 3, 4, 5)
POSITIVE = random(2, 3, 4, 5, low=0.5)
CHANNELS = [random(3, seed=seed, low=0.5) for seed in range(4)]  # scale, bias, mean, variance
ELEMENTS = [random(3, 4, 5, seed=seed, low=0.5) for seed in range(4)]
NOTHING = np.zeros(0, np.float32)


def scales(*values: float) -> Array:
    return np.asarray(values, np.float32)


Case = tuple[str, int, Array, Sequence[Array | None], Mapping[str, Any]]

CASES: dict[str, Case] = {
    "softmax flattens before 13": ("Softmax", 11, X, [], {"axis": 1}),
    "softmax of a negative axis before 13": ("Softmax", 12, X, [], {"axis": -2}),
    "softmax along one axis": ("Softmax", 13, X, [], {"axis": 1}),
    "log softmax flattens before 13": ("LogSoftmax", 9, X, [], {"axis": 2}),
    "hardmax flattens before 13": ("Hardmax", 9, X, [], {"axis": 2}),
    "hardmax along one axis": ("Hardmax", 13, X, [], {"axis": 1}),
    "clip by attributes": ("Clip", 7, X, [], {"min": -0.5, "max": 0.75}),
    "clip below only by attribute": ("Clip", 10, X, [], {"min": -0.5}),
    "clip by inputs": ("Clip", 11, X, [np.float32(-0.5), np.float32(0.75)], {}),
    "slice by attributes": ("Slice", 9, X, [], {"starts": [1, -3], "ends": [9, -1], "axes": [2, 3]}),
    "slice by inputs": ("Slice", 10, X, [int64(-1, 0), int64(-9, 4), int64(3, 2), int64(-2, 3)], {}),
    "pad by attributes": ("Pad", 10, X, [], {"pads": [0, 0, 1, 2, 0, 0, 3, 0], "value": 1.5}),
    "pad by attributes, negative": ("Pad", 7, X, [], {"pads": [0, 0, -1, 2, 0, 0, 1, -2]}),
    "pad by inputs, reflected": ("Pad", 13, X, [int64(0, 0, 1, 2, 0, 0, 3, 4)], {"mode": "reflect"}),
    "pad by inputs, edge": ("Pad", 18, X, [int64(1, 2, 3, 1), None, int64(-1, 2)], {"mode": "edge"}),
    "pad by inputs, wrapped": ("Pad", 19, X, [int64(0, 0, 1, 2, 0, 0, 3, 4)], {"mode": "wrap"}),
    "squeeze by attribute": ("Squeeze", 11, X.reshape(2, 1, 12, 1, 5), [], {"axes": [1, -2]}),
    "squeeze all": ("Squeeze", 7, X.reshape(2, 1, 12, 1, 5), [], {}),
    "squeeze by input": ("Squeeze", 13, X.reshape(2, 1, 12, 1, 5), [int64(1, -2)], {}),
    "unsqueeze by attribute": ("Unsqueeze", 11, X, [], {"axes": [0, 3, -1]}),
    "unsqueeze by input": ("Unsqueeze", 13, X, [int64(0, 3, -1)], {}),
    "sum by attribute": ("ReduceSum", 11, X, [], {"axes": [1, -1], "keepdims": 0}),
    "sum by input": ("ReduceSum", 13, X, [int64(1, -1)], {"keepdims": 0}),
    "mean by attribute": ("ReduceMean", 13, X, [], {"axes": [2, 3]}),
    "mean by input": ("ReduceMean", 18, X, [int64(2, 3)], {}),
    "maximum of everything": ("ReduceMax", 11, X, [], {"keepdims": 0}),
    "sum of no axes": ("ReduceSum", 13, X, [int64()], {"noop_with_empty_axes": 1}),
    "batch norm": ("BatchNormalization", 7, X, CHANNELS, {"epsilon": 0.01}),
    "batch norm per element": ("BatchNormalization", 7, X, ELEMENTS, {"spatial": 0}),
    "batch norm of two axes": ("BatchNormalization", 15, X[:, :, 0, 0], CHANNELS, {}),
    "upsample by attribute": ("Upsample", 7, X, [], {"scales": [1.0, 1.0, 2.0, 3.0], "mode": "nearest"}),
    "upsample linear by input": ("Upsample", 9, X, [scales(1, 1, 2, 2)], {"mode": "linear"}),
    "resize 10": ("Resize", 10, X, [scales(1, 1, 1.5, 0.6)], {"mode": "nearest"}),
    "resize 10 linear": ("Resize", 10, X, [scales(1, 1, 1.5, 2)], {"mode": "linear"}),
    "resize 11 by sizes": ("Resize", 11, X, [NOTHING, NOTHING, int64(2, 3, 7, 9)], {"mode": "linear"}),
    "resize 13 by scales": (
        "Resize",
        13,
        X,
        [None, scales(1, 1, 2, 2)],
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    "resize 18 along axes": (
        "Resize",
        18,
        X,
        [None, None, int64(7, 9)],
        {"mode": "linear", "axes": [2, 3], "coordinate_transformation_mode": "align_corners"},
    ),
    "reshape copies and infers": ("Reshape", 7, X, [int64(0, -1, 5)], {}),
    "reshape that allows zero": ("Reshape", 14, X[:0], [int64(0, 7)], {"allowzero": 1}),
    "flatten at a negative axis": ("Flatten", 11, X, [], {"axis": -1}),
    "flatten at 0": ("Flatten", 9, X, [], {"axis": 0}),
    "expand": ("Expand", 8, X[:, :, :1], [int64(6, 1, 1, 4, 1)], {}),
    "tile": ("Tile", 7, X, [int64(1, 2, 1, 3)], {}),
    "gather one": ("Gather", 11, X, [np.asarray(-1, np.int64)], {"axis": 2}),
    "gather several": ("Gather", 7, X, [int64(-1, 0, 1, 1).reshape(2, 2)], {"axis": 1}),
    "power of two": ("Pow", 12, X, [np.float32(2)], {}),
    "square root by power": ("Pow", 7, POSITIVE, [np.float32(0.5)], {}),
    "power by integers": ("Pow", 12, POSITIVE, [int64(1, 2, 3, 4, 0)], {}),
    "remainder": ("Mod", 10, X, [random(5, seed=1, low=0.5)], {"fmod": 1}),
    "cast to integers": ("Cast", 9, X, [], {"to": 7}),
    "cast to bool": ("Cast", 13, X, [], {"to": 9}),
    "mean of several": ("Mean", 8, X, [random(5, seed=2), random(4, 1, seed=3)], {}),
    "maximum of several": ("Max", 8, X, [random(5, seed=2), random(4, 1, seed=3)], {}),
    "prelu": ("PRelu", 9, X, [random(3, 1, 1, seed=2)], {}),
    "selu": ("Selu", 7, X, [], {}),
    "layer norm": ("LayerNormalization", 17, X, [random(4, 5, seed=1), random(4, 5, seed=2)], {"axis": 2}),
    "instance norm": ("InstanceNormalization", 7, X, [random(3, seed=1), random(3, seed=2)], {}),
    "lrn": ("LRN", 7, random(1, 7, 3, 3), [], {"size": 5, "alpha": 0.5, "beta": 0.6, "bias": 1.5}),
    "norm of order 2": ("LpNormalization", 7, X, [], {"axis": 1}),
    "gemm": (
        "Gemm",
        7,
        random(5, 4),
        [random(6, 5, seed=1), random(6, seed=2)],
        {"alpha": 0.5, "beta": 2.0, "transA": 1, "transB": 1},
    ),
    "gemm without addend": ("Gemm", 11, random(4, 5), [random(5, 6, seed=1)], {"alpha": 0.5}),
    "matmul of a vector": ("MatMul", 9, random(5), [random(3, 5, 6, seed=1)], {}),
    "depth to space": ("DepthToSpace", 11, random(1, 8, 2, 3), [], {"blocksize": 2, "mode": "CRD"}),
    "space to depth": ("SpaceToDepth", 7, random(1, 2, 4, 6), [], {"blocksize": 2}),
    "cumulative sum": ("CumSum", 11, X, [np.asarray(-1, np.int64)], {"exclusive": 1, "reverse": 1}),
    "lower triangle": ("Trilu", 14, X, [np.asarray(1, np.int64)], {"upper": 0}),
    "one hot": ("OneHot", 11, int64(1, -1, 9), [int64(4), scales(0.5, 2)], {"axis": 0}),
    "group norm by group": ("GroupNormalization", 18, random(2, 4, 3), [random(2), random(2, seed=1)], {"num_groups": 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_onnxruntime(case: str) -> None:
    op_type, opset, x, stored, attributes = CASES[case]
    assert_equals_onnxruntime(node_model(op_type, opset, {"x": x}, stored, **attributes), {"x": x})


@pytest.mark.parametrize("opset", [11, 13])
def test_split_in_equal_parts(opset: int) -> None:
    x = random(2, 12)
    assert_equals_onnxruntime(node_model("Split", opset, {"x": x}, outputs=3, axis=1), {"x": x})


def test_split_in_uneven_parts() -> None:
    x = random(2, 11)
    assert_equals_onnxruntime(node_model("Split", 11, {"x": x}, outputs=3, axis=-1, split=[2, 0, 9]), {"x": x})
    assert_equals_onnxruntime(node_model("Split", 13, {"x": x}, [int64(2, 0, 9)], outputs=3, axis=-1), {"x": x})
    assert_equals_onnxruntime(node_model("Split", 18, {"x": x}, outputs=4, axis=-1, num_outputs=4), {"x": x})


@pytest.mark.parametrize("opset", [7, 10, 12, 13])
def test_dropout_keeps_everything(opset: int) -> None:
    graph = assert_equals_onnxruntime(node_model("Dropout", opset, {"x": X}), {"x": X})
    assert [node.op for node in graph.nodes] == ["identity"]


def test_dropout_mask() -> None:
    assert_equals_onnxruntime(node_model("Dropout", 12, {"x": X}, outputs=2), {"x": X})
