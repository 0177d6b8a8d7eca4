"""ONNX frontend: MaxPool, AveragePool and the global pools."""

from typing import Any

from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.converters.window import apply_auto_pad, auto_pad_mode, read_window
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value
from compiler.ops import pool_output_size


def _pool_attributes(node: OnnxNode, spatial: tuple[int, ...]) -> dict[str, Any]:
    window = apply_auto_pad(auto_pad_mode(node), read_window(node, spatial, None), spatial)
    ceil_mode = bool(node.int_attribute("ceil_mode", 0))
    return {
        "kernel": window.kernel,
        "strides": window.strides,
        "dilations": window.dilations,
        "padding": window.padding,
        "output_size": pool_output_size(spatial, window.kernel, window.strides, window.padding, window.dilations, ceil_mode),
        "layout": "NCHW",
    }


@converts("MaxPool")
def convert_max_pool(node: OnnxNode, build: FoldingBuilder) -> Value:
    """The second output, the indices, is not served."""
    node.ignore_attributes("storage_order")
    data = node.input(0)
    return build.emit("max_pool", data, **_pool_attributes(node, data.shape[2:]))


@converts("AveragePool")
def convert_average_pool(node: OnnxNode, build: FoldingBuilder) -> Value:
    data = node.input(0)
    count_include_pad = bool(node.int_attribute("count_include_pad", 0))
    return build.emit("average_pool", data, **_pool_attributes(node, data.shape[2:]), count_include_pad=count_include_pad)


@converts("GlobalAveragePool")
def convert_global_average_pool(node: OnnxNode, build: FoldingBuilder) -> Value:
    return build.emit("global_average_pool", node.input(0), layout="NCHW")


@converts("GlobalMaxPool")
def convert_global_max_pool(node: OnnxNode, build: FoldingBuilder) -> Value:
    return build.emit("global_max_pool", node.input(0), layout="NCHW")
