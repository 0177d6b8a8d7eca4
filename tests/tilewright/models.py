"""Small ONNX models for the tests of the face, made by onnx.helper."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Extent = int | str


def save_model(
    path: Path, nodes: Sequence[onnx.NodeProto], inputs: Sequence[onnx.ValueInfoProto], output: str, **weights: NDArray[Any]
) -> Path:
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(list(nodes), path.stem, list(inputs), [result], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def value(name: str, shape: Sequence[Extent], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def save_classifier(path: Path) -> Path:
    """conv -> relu -> global average pool -> dense: three kernels."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "filters"], ["conv"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"], name="relu"),
        helper.make_node("GlobalAveragePool", ["relu"], ["pooled"], name="pool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "weights"], ["y"], name="dense", transB=1),
    ]
    weights = {
        "filters": rng.standard_normal((16, 3, 3, 3)).astype(np.float32),
        "weights": rng.standard_normal((10, 16)).astype(np.float32),
    }
    return save_model(path, nodes, [value("x", (1, 3, 16, 16))], "y", **weights)


def save_relu(path: Path, shape: Sequence[Extent] = (2, 3), kind: int = TensorProto.FLOAT) -> Path:
    """One node, whose input may leave dimensions open."""
    return save_model(path, [helper.make_node("Relu", ["x"], ["y"], name="only")], [value("x", shape, kind)], "y")


def example_input() -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((1, 3, 16, 16)).astype(np.float32)
