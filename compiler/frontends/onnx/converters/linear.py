"""ONNX frontend: MatMul and Gemm."""

import numpy as np

from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value


def matmul(build: FoldingBuilder, a: Value, b: Value, *, transpose_a: bool = False, transpose_b: bool = False) -> Value:
    return build.emit("matmul", a, b, transpose_a=transpose_a, transpose_b=transpose_b)


@converts("MatMul")
def convert_matmul(node: OnnxNode, build: FoldingBuilder) -> Value:
    return matmul(build, node.input(0), node.input(1))


@converts("Gemm")
def convert_gemm(node: OnnxNode, build: FoldingBuilder) -> Value:
    a, b, c = node.input(0), node.input(1), node.optional_input(2)
    alpha, beta = node.float_attribute("alpha", 1.0), node.float_attribute("beta", 1.0)
    transpose_a, transpose_b = bool(node.int_attribute("transA", 0)), bool(node.int_attribute("transB", 0))
    if b.constant is not None:
        b, alpha = _scaled(build, b, alpha), 1.0
    result = _scaled(build, matmul(build, a, b, transpose_a=transpose_a, transpose_b=transpose_b), alpha)
    if c is None or beta == 0:
        return result
    return build.emit("add", result, _scaled(build, c, beta))


def _scaled(build: FoldingBuilder, value: Value, factor: float) -> Value:
    return value if factor == 1 else build.emit("mul", value, build.constant(np.asarray(factor, value.dtype)))
