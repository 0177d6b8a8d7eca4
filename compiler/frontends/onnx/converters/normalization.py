"""ONNX frontend: BatchNormalization (inference), InstanceNormalization, LayerNormalization, GroupNormalization, LRN, LpNormalization."""

from math import prod

import numpy as np

from compiler.errors import UnsupportedOperator
from compiler.frontends.onnx.converters.axes import normalize_axis
from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value


@converts("BatchNormalization", since=7)
def convert_batch_normalization(node: OnnxNode, build: FoldingBuilder) -> Value:
    """Before opset 9, `spatial` = 0 gives each element of a sample a mean and a variance of its own."""
    node.ignore_attributes("momentum")
    data, scale, bias, mean, variance = (node.input(position) for position in range(5))
    if node.int_attribute("training_mode", 0):
        raise UnsupportedOperator("attribute 'training_mode' 1 is not supported; supported is inference (0)")
    epsilon = node.float_attribute("epsilon", 1e-5)
    if node.int_attribute("spatial", 1):
        if data.rank == 1:
            row = build.emit("reshape", data, shape=(*data.shape, 1))
            result = build.emit("batch_norm", row, scale, bias, mean, variance, epsilon=epsilon, layout="NCHW")
            return build.emit("reshape", result, shape=data.shape)
        return build.emit("batch_norm", data, scale, bias, mean, variance, epsilon=epsilon, layout="NCHW")
    deviation = build.emit("sqrt", build.emit("add", variance, build.constant(epsilon, variance.dtype)))
    normalized = build.emit("div", build.emit("sub", data, mean), deviation)
    return build.emit("add", build.emit("mul", normalized, scale), bias)


@converts("InstanceNormalization", since=6)
def convert_instance_normalization(node: OnnxNode, build: FoldingBuilder) -> Value:
    epsilon = node.float_attribute("epsilon", 1e-5)
    return build.emit("instance_norm", node.input(0), node.input(1), node.input(2), epsilon=epsilon, layout="NCHW")


@converts("LayerNormalization", since=17)
def convert_layer_normalization(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    """Mean and inverse deviation, where the model asks for them, are computed once more on the side."""
    node.ignore_attributes("stash_type")
    data, scale, bias = node.input(0), node.input(1), node.optional_input(2)
    axis = normalize_axis(node.int_attribute("axis", -1), data.rank)
    epsilon = node.float_attribute("epsilon", 1e-5)
    operands = (data, scale) if bias is None else (data, scale, bias)
    result = build.emit("layer_norm", *operands, axis=axis, epsilon=epsilon)
    if node.wanted_outputs == 1:
        return (result,)
    axes = tuple(range(axis, data.rank))
    mean = build.emit("reduce_mean", data, axes=axes, keepdims=True)
    centered = build.emit("sub", data, mean)
    variance = build.emit("reduce_mean", build.emit("mul", centered, centered), axes=axes, keepdims=True)
    shifted = build.emit("add", variance, build.constant(epsilon, data.dtype))
    return result, mean, build.emit("reciprocal", build.emit("sqrt", shifted))


@converts("GroupNormalization", since=21)
def convert_group_normalization(node: OnnxNode, build: FoldingBuilder) -> Value:
    node.ignore_attributes("stash_type")
    data, scale, bias = node.input(0), node.input(1), node.input(2)
    groups = node.int_attribute("num_groups", 1)
    return build.emit("group_norm", data, scale, bias, groups=groups, epsilon=node.float_attribute("epsilon", 1e-5))


@converts("GroupNormalization", since=18)
def convert_group_normalization_by_group(node: OnnxNode, build: FoldingBuilder) -> Value:
    """Scale and bias are given per group, not per channel."""
    node.ignore_attributes("stash_type")
    data, groups = node.input(0), node.int_attribute("num_groups", 1)
    repeats = data.shape[1] // max(groups, 1)
    scale, bias = (_repeat_elements(build, node.input(position), repeats) for position in (1, 2))
    return build.emit("group_norm", data, scale, bias, groups=groups, epsilon=node.float_attribute("epsilon", 1e-5))


def _repeat_elements(build: FoldingBuilder, vector: Value, repeats: int) -> Value:
    indices = build.constant(np.repeat(np.arange(prod(vector.shape), dtype=np.int64), repeats))
    return build.emit("gather", vector, indices, axis=0)


@converts("LRN")
def convert_lrn(node: OnnxNode, build: FoldingBuilder) -> Value:
    data = node.input(0)
    return build.emit(
        "lrn",
        data,
        size=node.int_attribute("size", 1),
        alpha=node.float_attribute("alpha", 1e-4),
        beta=node.float_attribute("beta", 0.75),
        bias=node.float_attribute("bias", 1.0),
        layout="NCHW",
        channels=data.shape[1],
    )


@converts("LpNormalization")
def convert_lp_normalization(node: OnnxNode, build: FoldingBuilder) -> Value:
    data, order = node.input(0), node.int_attribute("p", 2)
    axis = normalize_axis(node.int_attribute("axis", -1), data.rank)
    if order not in (1, 2):
        raise UnsupportedOperator(f"attribute 'p' {order} is not supported; supported are 1 and 2")
    norm = build.emit(f"reduce_l{order}", data, axes=(axis,), keepdims=True)
    zero = build.constant(0, data.dtype)
    return build.emit("where", build.emit("equal", norm, zero), zero, build.emit("div", data, norm))


@converts("MeanVarianceNormalization", since=9)
def convert_mean_variance_normalization(node: OnnxNode, build: FoldingBuilder) -> Value:
    data = node.input(0)
    axes = tuple(sorted(normalize_axis(axis, data.rank) for axis in node.ints_attribute("axes", (0, 2, 3))))
    centered = build.emit("sub", data, build.emit("reduce_mean", data, axes=axes, keepdims=True))
    variance = build.emit("reduce_mean", build.emit("mul", centered, centered), axes=axes, keepdims=True)
    deviation = build.emit("add", build.emit("sqrt", variance), build.constant(1e-9, data.dtype))
    return build.emit("div", centered, deviation)
