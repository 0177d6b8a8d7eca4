"""Normalisations by stored or by measured mean and variance.

batch_norm(x, scale, bias, mean, variance)   attributes: epsilon, layout.   One stage: (x - mean) * scale / sqrt(variance + epsilon) + bias
instance_norm(x, scale, bias)                attributes: epsilon, layout.   Mean and variance of each sample and channel
layer_norm(x, scale[, bias])                 attributes: axis (non-negative), epsilon.   Mean and variance over axis and all after it;
                                             scale and bias broadcast to x
group_norm(x, scale, bias)                   attributes: groups, epsilon.   NCHW; mean and variance of each sample and group of channels

Vectors per channel keep their natural length C in every layout (see layout.py); in a blocked one, lanes beyond C become 0.
Stages of the measuring ones: {name}.sum, {name}.mean, {name}.squares, {name}.factor (1 / deviation), {name}.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from compiler.ops.layout import channel_block, fits_layout, from_plain, layout_axis_names, spatial_axes, to_plain
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.reduce import reduce_stage
from compiler.ops.type_rules import broadcast_shape, load_broadcast, require, require_axis, require_count, require_kind, require_same_dtype
from compiler.te import Expr, Reduce, Tensor, call, compute, reduce_axis, select
from compiler.tensor_type import TensorType

Statistic = Callable[[Sequence[Expr]], Expr]


def _require_per_channel(op: str, inputs: Sequence[TensorType], layout: str) -> None:
    """x in `layout`, then vectors of one length that is x's channel count (up to padding)."""
    require_kind(op, inputs, "f")
    require_same_dtype(op, inputs)
    shape, block = inputs[0].shape, channel_block(layout)
    require(fits_layout(layout, shape), op, f"needs an input of layout {layout}", inputs)
    channels = inputs[1].shape[0] if len(inputs[1].shape) == 1 else -1
    blocks = -(-channels // block) if block else channels
    rule = f"the other inputs must be vectors with one element per channel of x in layout {layout}"
    require(blocks == shape[1] and all(each.shape == (channels,) for each in inputs[1:]), op, rule, inputs)


def per_channel(vectors: Sequence[Tensor], index: Sequence[Expr], layout: str, value: Callable[[Sequence[Expr]], Expr]) -> Expr:
    """`value` of the vectors' elements for the channel at `index`; 0 in the lanes of a block that lie beyond the last channel."""
    block, channels = channel_block(layout), vectors[0].shape[0]
    if not block:
        return value([vector[index[1]] for vector in vectors])
    channel = index[1] * block + index[4]
    result = value([vector[channel] for vector in vectors])
    return select(channel < channels, result, 0.0) if channels % block else result


def _columns(vectors: Sequence[Array], rank: int) -> list[Array]:
    return [vector.reshape(-1, *(1,) * (rank - 2)) for vector in vectors]


def _batch_norm_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("batch_norm", inputs, 5)
    _require_per_channel("batch_norm", inputs, attributes["layout"])
    return (inputs[0],)


def _batch_norm(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, *vectors = inputs
    layout, epsilon = attributes["layout"], attributes["epsilon"]

    def element(*index: Expr) -> Expr:
        def value(loaded: Sequence[Expr]) -> Expr:
            scale, bias, mean, variance = loaded
            result: Expr = (x[index] - mean) * (scale / call("sqrt", variance + epsilon)) + bias
            return result

        return per_channel(vectors, index, layout, value)

    return (compute(x.shape, element, stage, layout_axis_names(layout, len(x.shape))),)


def _batch_norm_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    layout = attributes["layout"]
    x = to_plain(arrays[0], layout, arrays[1].shape[0])
    scale, bias, mean, variance = _columns(arrays[1:], x.ndim)
    return from_plain((x - mean) * scale / np.sqrt(variance + attributes["epsilon"]) + bias, layout)


def _deviation_stages(stage: str, x: Tensor, axes: tuple[int, ...], epsilon: float) -> tuple[Statistic, Statistic]:
    """Mean and 1 / sqrt(variance + epsilon) of x over `axes`, as functions of an index into x."""
    count = prod(x.shape[axis] for axis in axes)

    def at(tensor: Tensor, place: Sequence[Expr]) -> Expr:
        return tensor[tuple(0 if axis in axes else index for axis, index in enumerate(place))]

    total = reduce_stage(f"{stage}.sum", x, axes, True, "sum", lambda place: x[place])
    mean = compute(total.shape, lambda *index: total[index] * (1 / count), f"{stage}.mean")

    def square(place: tuple[Expr, ...]) -> Expr:
        difference: Expr = x[place] - at(mean, place)
        result: Expr = difference * difference
        return result

    squares = reduce_stage(f"{stage}.squares", x, axes, True, "sum", square)
    factor = compute(total.shape, lambda *index: 1.0 / call("sqrt", squares[index] * (1 / count) + epsilon), f"{stage}.factor")
    return (lambda place: at(mean, place)), (lambda place: at(factor, place))


def _normalized(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    result: Array = (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)
    return result


def _instance_norm_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("instance_norm", inputs, 3)
    _require_per_channel("instance_norm", inputs, attributes["layout"])
    require(len(inputs[0].shape) > 2, "instance_norm", "needs at least one spatial axis", inputs)
    return (inputs[0],)


def _instance_norm(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, *vectors = inputs
    layout = attributes["layout"]
    mean, factor = _deviation_stages(stage, x, spatial_axes(layout, len(x.shape)), attributes["epsilon"])

    def element(*index: Expr) -> Expr:
        normal = (x[index] - mean(index)) * factor(index)
        return per_channel(vectors, index, layout, lambda loaded: normal * loaded[0] + loaded[1])

    return (compute(x.shape, element, stage, layout_axis_names(layout, len(x.shape))),)


def _instance_norm_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    layout = attributes["layout"]
    x = to_plain(arrays[0], layout, arrays[1].shape[0])
    scale, bias = _columns(arrays[1:], x.ndim)
    return from_plain(_normalized(x, tuple(range(2, x.ndim)), attributes["epsilon"]) * scale + bias, layout)


def _layer_norm_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("layer_norm", inputs, 2, 3)
    require_kind("layer_norm", inputs, "f")
    require_same_dtype("layer_norm", inputs)
    require_axis("layer_norm", attributes["axis"], inputs)
    require(broadcast_shape("layer_norm", inputs) == inputs[0].shape, "layer_norm", "scale and bias must broadcast to x", inputs)
    return (inputs[0],)


def _layer_norm(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, scale, *bias = inputs
    mean, factor = _deviation_stages(stage, x, tuple(range(attributes["axis"], len(x.shape))), attributes["epsilon"])

    def element(*index: Expr) -> Expr:
        scaled: Expr = (x[index] - mean(index)) * factor(index) * load_broadcast(scale, index)
        return scaled + load_broadcast(bias[0], index) if bias else scaled

    return (compute(x.shape, element, stage),)


def _layer_norm_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    x, scale, *bias = arrays
    scaled = _normalized(x, tuple(range(attributes["axis"], x.ndim)), attributes["epsilon"]) * scale
    return scaled + bias[0] if bias else scaled


def _group_norm_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("group_norm", inputs, 3)
    _require_per_channel("group_norm", inputs, "NCHW")
    groups = attributes["groups"]
    require(groups > 0 and inputs[0].shape[1] % groups == 0, "group_norm", f"the channels do not divide into {groups} groups", inputs)
    return (inputs[0],)


def _group_norm(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, scale, bias = inputs
    groups, epsilon = attributes["groups"], attributes["epsilon"]
    per_group = x.shape[1] // groups
    count = per_group * prod(x.shape[2:])

    def over_group(name: str, value: Callable[[Sequence[Expr], Expr], Expr]) -> Tensor:
        def combined(n: Expr, group: Expr) -> Expr:
            inner = [reduce_axis(extent, f"r{axis}") for axis, extent in enumerate((per_group, *x.shape[2:]), start=1)]
            place = (n, group * per_group + inner[0].var, *(axis.var for axis in inner[1:]))
            return Reduce("sum", value(place, group), tuple(inner))

        return compute((x.shape[0], groups), combined, name, ("n", "g"))

    def square(place: Sequence[Expr], group: Expr) -> Expr:
        difference: Expr = x[tuple(place)] - mean[place[0], group]
        result: Expr = difference * difference
        return result

    total = over_group(f"{stage}.sum", lambda place, _: x[tuple(place)])
    mean = compute(total.shape, lambda n, g: total[n, g] * (1 / count), f"{stage}.mean", ("n", "g"))
    squares = over_group(f"{stage}.squares", square)
    factor = compute(total.shape, lambda n, g: 1.0 / call("sqrt", squares[n, g] * (1 / count) + epsilon), f"{stage}.factor", ("n", "g"))

    def element(*index: Expr) -> Expr:
        n, c, group = index[0], index[1], index[1] // per_group
        result: Expr = (x[index] - mean[n, group]) * factor[n, group] * scale[c] + bias[c]
        return result

    return (compute(x.shape, element, stage, layout_axis_names("NCHW", len(x.shape))),)


def _group_norm_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    x = arrays[0]
    scale, bias = _columns(arrays[1:], x.ndim)
    grouped = x.reshape(x.shape[0], attributes["groups"], -1)
    return _normalized(grouped, (2,), attributes["epsilon"]).reshape(x.shape) * scale + bias


register_operator(Operator("batch_norm", FusionKind.ELEMENTWISE, _batch_norm_types, _batch_norm, in_float64(_batch_norm_array)))
register_operator(Operator("instance_norm", FusionKind.OPAQUE, _instance_norm_types, _instance_norm, in_float64(_instance_norm_array)))
register_operator(Operator("layer_norm", FusionKind.OPAQUE, _layer_norm_types, _layer_norm, in_float64(_layer_norm_array)))
register_operator(Operator("group_norm", FusionKind.OPAQUE, _group_norm_types, _group_norm, in_float64(_group_norm_array)))
