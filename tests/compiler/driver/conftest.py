"""A small model with packed weights, shared constants, a view and two outputs, and its inputs."""

import numpy as np
import pytest

from compiler.graph import Graph, GraphBuilder
from compiler.ops import Array
from compiler.tensor_type import TensorType

CONV = {"strides": (1, 1), "padding": (1, 1, 1, 1), "dilations": (1, 1), "groups": 1, "layout": "NCHW", "out_layout": "NCHW"}


@pytest.fixture(scope="session")
def small_model() -> Graph:
    """x (1, 3, 6, 6) -> two equal convolutions in a row, relu, flatten, matmul -> scores (1, 4); and the second convolution's maps."""
    rng = np.random.default_rng(1)
    builder = GraphBuilder("small")
    x = builder.input("x", TensorType((1, 3, 6, 6)))
    weight = builder.constant(rng.standard_normal((3, 3, 3, 3)).astype(np.float32), "weight")
    first = builder.apply("relu", [builder.apply("conv2d", [x, weight], CONV)])
    second = builder.apply("relu", [builder.apply("conv2d", [first, weight], CONV)], hint="maps")
    flat = builder.apply("reshape", [second], {"shape": (1, 108)})
    matrix = builder.constant(rng.standard_normal((108, 4)).astype(np.float32), "matrix")
    product = builder.apply("matmul", [flat, matrix], {"transpose_a": False, "transpose_b": False})
    bias = builder.constant(rng.standard_normal(4).astype(np.float32), "bias")
    scores = builder.apply("add", [product, bias], hint="scores")
    return builder.graph([scores, second])


@pytest.fixture
def small_inputs() -> dict[str, Array]:
    return {"x": np.random.default_rng(2).standard_normal((1, 3, 6, 6)).astype(np.float32)}
