"""ONNX frontend: the Reduce operators, ArgMax and ArgMin, Softmax and its kin.

Reductions take their axes from an attribute or, in newer opsets (since 13 for ReduceSum, 18 for the others), from an input.
"""

from math import prod

import numpy as np

from compiler.frontends.onnx.converters.axes import normalize_axes, normalize_axis
from compiler.frontends.onnx.converters.registry import Converter, converts, register_converter
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value
from compiler.tensor_type import INT64

REDUCTIONS = {
    "ReduceL1": "reduce_l1",
    "ReduceL2": "reduce_l2",
    "ReduceLogSum": "reduce_log_sum",
    "ReduceLogSumExp": "reduce_log_sum_exp",
    "ReduceMax": "reduce_max",
    "ReduceMean": "reduce_mean",
    "ReduceMin": "reduce_min",
    "ReduceProd": "reduce_prod",
    "ReduceSum": "reduce_sum",
    "ReduceSumSquare": "reduce_sum_square",
}


def _reduction(op: str) -> Converter:
    def convert(node: OnnxNode, build: FoldingBuilder) -> Value:
        data = node.input(0)
        axes = node.optional_ints(1, "the axes") if node.has_input(1) else node.optional_ints_attribute("axes")
        nothing_given_keeps = bool(node.int_attribute("noop_with_empty_axes", 0))
        if axes is None or not axes:
            axes = () if nothing_given_keeps else tuple(range(data.rank))
        keepdims = bool(node.int_attribute("keepdims", 1))
        return build.emit(op, data, axes=tuple(sorted(normalize_axes(axes, data.rank))), keepdims=keepdims)

    return convert


for _name, _op in REDUCTIONS.items():
    register_converter(_name, 1, _reduction(_op))


def _arg_extreme(op: str) -> Converter:
    def convert(node: OnnxNode, build: FoldingBuilder) -> Value:
        data = node.input(0)
        return build.emit(
            op,
            data,
            axis=normalize_axis(node.int_attribute("axis", 0), data.rank),
            keepdims=bool(node.int_attribute("keepdims", 1)),
            select_last_index=bool(node.int_attribute("select_last_index", 0)),
        )

    return convert


register_converter("ArgMax", 1, _arg_extreme("argmax"))
register_converter("ArgMin", 1, _arg_extreme("argmin"))


def _hardmax(build: FoldingBuilder, data: Value, axis: int) -> Value:
    """1 at the first largest element along `axis`, 0 elsewhere."""
    largest = build.emit("argmax", data, axis=axis, keepdims=True, select_last_index=False)
    places = np.arange(data.shape[axis], dtype=INT64).reshape([-1 if each == axis else 1 for each in range(data.rank)])
    return build.emit("cast", build.emit("equal", largest, build.constant(places)), to=data.dtype.name)


def _along_axis(build: FoldingBuilder, op_type: str, data: Value, axis: int) -> Value:
    if op_type == "Hardmax":
        return _hardmax(build, data, axis)
    return build.emit("softmax" if op_type == "Softmax" else "log_softmax", data, axis=axis)


@converts("Softmax", since=13)
@converts("LogSoftmax", since=13)
@converts("Hardmax", since=13)
def convert_softmax(node: OnnxNode, build: FoldingBuilder) -> Value:
    data = node.input(0)
    return _along_axis(build, node.op_type, data, normalize_axis(node.int_attribute("axis", -1), data.rank))


@converts("Softmax")
@converts("LogSoftmax")
@converts("Hardmax")
def convert_flattened_softmax(node: OnnxNode, build: FoldingBuilder) -> Value:
    """Before opset 13: over all axes from `axis` on, as if they were one."""
    data = node.input(0)
    axis = normalize_axis(node.int_attribute("axis", 1), data.rank)
    long_axes = [each for each in range(axis, data.rank) if data.shape[each] != 1]
    if len(long_axes) <= 1:
        return _along_axis(build, node.op_type, data, long_axes[0] if long_axes else axis)
    rows = build.emit("reshape", data, shape=(prod(data.shape[:axis]), prod(data.shape[axis:])))
    return build.emit("reshape", _along_axis(build, node.op_type, rows, 1), shape=data.shape)
