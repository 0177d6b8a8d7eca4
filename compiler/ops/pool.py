"""Pooling over the spatial axes, in one, two or three dimensions.

Operators and attributes
    max_pool (floats, integers), average_pool (floats)
        kernel, strides, dilations (one number per spatial axis)
        padding (the begins of all spatial axes, then the ends)
        output_size (the spatial extents of the result; `pool_output_size` computes it from the above and a ceil mode)
        layout ("NCHW" or "NCHW{c}c", see layout.py)
        count_include_pad (bool; average_pool only): whether padding counts as elements. What a window covers beyond input and padding
            (which a ceil mode makes possible) never counts.
    global_average_pool, global_max_pool: layout.  Spatial extents of the result are 1.

Padding is never stored: a load outside the input is guarded by a condition. Stages: `{name}.sum` and `{name}` of the averages.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from compiler.ops.layout import fits_layout, layout_axis_names, spatial_axes
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.reduce import combiner_identity
from compiler.ops.type_rules import require, require_count, require_kind
from compiler.te import Axis, Combiner, Expr, Reduce, Tensor, cast, compute, logical_and, maximum, minimum, reduce_axis, select
from compiler.tensor_type import TensorType


def pool_output_size(
    extents: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: Sequence[int], dilations: Sequence[int], ceil_mode: bool
) -> tuple[int, ...]:
    """The spatial extents of a pool's result. In ceil mode a last window that starts beyond the input and its begin padding is dropped."""
    rank, sizes = len(extents), []
    for axis in range(rank):
        before, after, stride = padding[axis], padding[rank + axis], strides[axis]
        free = extents[axis] + before + after - (kernel[axis] - 1) * dilations[axis] - 1
        size = (-(-free // stride) if ceil_mode else free // stride) + 1
        if ceil_mode and (size - 1) * stride >= extents[axis] + before:
            size -= 1
        sizes.append(size)
    return tuple(sizes)


def _pool_types(name: str, kinds: str) -> Callable[[Sequence[TensorType], Attributes], tuple[TensorType, ...]]:
    def infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 1)
        require_kind(name, inputs, kinds)
        shape, layout = inputs[0].shape, attributes["layout"]
        require(fits_layout(layout, shape) and len(shape) > 2, name, f"needs an input of layout {layout}", inputs)
        axes = spatial_axes(layout, len(shape))
        extents = tuple(shape[axis] for axis in axes)
        kernel, strides, padding, dilations = (tuple(attributes[key]) for key in ("kernel", "strides", "padding", "dilations"))
        lengths = (len(kernel), len(strides), len(padding), len(dilations), len(attributes["output_size"]))
        expected = (len(axes), len(axes), 2 * len(axes), len(axes), len(axes))
        rule = f"kernel {kernel}, strides {strides}, padding {padding}, dilations {dilations}, output_size {attributes['output_size']}"
        require(lengths == expected, name, f"{rule} do not fit {len(axes)} spatial axes", inputs)
        require(min(kernel + strides + dilations, default=1) > 0 and min(padding) >= 0, name, f"{rule} are not all positive", inputs)
        least = pool_output_size(extents, kernel, strides, padding, dilations, ceil_mode=False)
        for size, low, stride in zip(attributes["output_size"], least, strides, strict=True):
            require(size > 0 and low <= size <= low + (stride > 1), name, f"{rule} contradict each other", inputs)
        output = list(shape)
        for axis, size in zip(axes, attributes["output_size"], strict=True):
            output[axis] = size
        return (TensorType(tuple(output), inputs[0].dtype),)

    return infer_types


def _window_stage(stage: str, x: Tensor, attributes: Attributes, combiner: Combiner) -> Tensor:
    """Combines every window's elements; what lies outside the input is the combiner's identity."""
    layout = attributes["layout"]
    axes = spatial_axes(layout, len(x.shape))
    names = layout_axis_names(layout, len(x.shape))
    shape = list(x.shape)
    for axis, size in zip(axes, attributes["output_size"], strict=True):
        shape[axis] = size

    def element(*index: Expr) -> Expr:
        place, inside = list(index), []
        inner: list[Axis] = []
        for position, axis in enumerate(axes):
            stride, dilation, before = attributes["strides"][position], attributes["dilations"][position], attributes["padding"][position]
            offset = reduce_axis(attributes["kernel"][position], f"k{names[axis]}")
            inner.append(offset)
            place[axis] = index[axis] * stride + offset.var * dilation - before
            if before > 0:
                inside.append(place[axis] >= 0)
            if (shape[axis] - 1) * stride + (offset.extent - 1) * dilation - before >= x.shape[axis]:
                inside.append(place[axis] < x.shape[axis])
        value = select(logical_and(*inside), x[tuple(place)], combiner_identity(combiner, x.dtype))
        return Reduce(combiner, value, tuple(inner))

    return compute(shape, element, stage, names)


def _max_pool(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    return (_window_stage(stage, inputs[0], attributes, "max"),)


def _counted(attributes: Attributes, position: int, extent: int) -> tuple[int, int]:
    """The positions of one axis that count as elements of an average: [low, high)."""
    if not attributes["count_include_pad"]:
        return 0, extent
    rank = len(attributes["kernel"])
    return -attributes["padding"][position], extent + attributes["padding"][rank + position]


def _element_count(out: Expr, attributes: Attributes, position: int, extent: int) -> Expr | int:
    """How many of the kernel's taps along one axis count at output position `out`."""
    kernel, stride = attributes["kernel"][position], attributes["strides"][position]
    dilation, before = attributes["dilations"][position], attributes["padding"][position]
    low, high = _counted(attributes, position, extent)
    last_tap = (attributes["output_size"][position] - 1) * stride - before + (kernel - 1) * dilation
    first: Expr | int = 0
    last: Expr | int = kernel - 1
    start = out * stride - before
    if -before < low:
        first = maximum((low - start + (dilation - 1)) // dilation, 0)
    if last_tap >= high:
        last = minimum((high - 1 - start) // dilation, kernel - 1)
    return last - first + 1


def _average_pool(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,) = inputs
    layout = attributes["layout"]
    axes = spatial_axes(layout, len(x.shape))
    total = _window_stage(f"{stage}.sum", x, attributes, "sum")

    def average(*index: Expr) -> Expr:
        counts = [_element_count(index[axis], attributes, position, x.shape[axis]) for position, axis in enumerate(axes)]
        constant = prod(count for count in counts if isinstance(count, int))
        varying = [count for count in counts if not isinstance(count, int)]
        if not varying:
            return total[index] * (1 / constant)
        return total[index] / cast(x.dtype, maximum(prod(varying[1:], start=varying[0] * constant), 1))

    return (compute(total.shape, average, stage, layout_axis_names(layout, len(x.shape))),)


def _windows(x: Array, attributes: Attributes, fill: Any, counted: bool = False) -> Array:
    """All windows, their taps along a new first axis. With `counted`, 1 where the average counts and 0 elsewhere instead of x."""
    axes = spatial_axes(attributes["layout"], x.ndim)
    pads = [(0, 0)] * x.ndim
    source = np.ones_like(x) if counted else x
    for position, axis in enumerate(axes):
        before = attributes["padding"][position]
        size, stride = attributes["output_size"][position], attributes["strides"][position]
        needed = (size - 1) * stride + (attributes["kernel"][position] - 1) * attributes["dilations"][position] + 1
        low, high = _counted(attributes, position, x.shape[axis]) if counted else (0, x.shape[axis])
        ones = [(0, 0)] * x.ndim
        ones[axis] = (-low, high - x.shape[axis])
        source = np.pad(source, ones, constant_values=1)
        pads[axis] = (before + low, max(0, needed - before - high))
    source = np.pad(source, pads, constant_values=fill)
    taps = []
    for tap in product(*(range(extent) for extent in attributes["kernel"])):
        slices = [slice(None)] * x.ndim
        for position, axis in enumerate(axes):
            start, stride = tap[position] * attributes["dilations"][position], attributes["strides"][position]
            slices[axis] = slice(start, start + (attributes["output_size"][position] - 1) * stride + 1, stride)
        taps.append(source[tuple(slices)])
    return np.stack(taps)


def _max_pool_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    return _windows(arrays[0], attributes, combiner_identity("max", arrays[0].dtype).value).max(axis=0)


def _average_pool_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    count = _windows(arrays[0], attributes, 0, counted=True).sum(axis=0)
    return _windows(arrays[0], attributes, 0).sum(axis=0) / np.maximum(count, 1)


def _register_global(name: str, combiner: Combiner, function: Callable[[Array, tuple[int, ...]], Any], kinds: str) -> None:
    def infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 1)
        require_kind(name, inputs, kinds)
        shape, layout = inputs[0].shape, attributes["layout"]
        require(fits_layout(layout, shape), name, f"needs an input of layout {layout}", inputs)
        axes = spatial_axes(layout, len(shape))
        return (TensorType(tuple(1 if axis in axes else extent for axis, extent in enumerate(shape)), inputs[0].dtype),)

    def stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
        (x,) = inputs
        layout = attributes["layout"]
        axes, names = spatial_axes(layout, len(x.shape)), layout_axis_names(layout, len(x.shape))
        shape = tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape))

        def combined(*index: Expr) -> Expr:
            inner = {axis: reduce_axis(x.shape[axis], f"k{names[axis]}") for axis in axes}
            value = x[tuple(inner.get(axis, index[axis]) for axis in range(len(x.shape)))]
            return Reduce(combiner, value, tuple(inner.values())) if inner else value

        if combiner == "max":
            return (compute(shape, combined, stage, names),)
        total = compute(shape, combined, f"{stage}.sum", names)
        count = prod(x.shape[axis] for axis in axes)
        return (compute(shape, lambda *index: total[index] * (1 / count), stage, names),)

    def reference(arrays: Sequence[Array], attributes: Attributes) -> Any:
        return function(arrays[0], spatial_axes(attributes["layout"], arrays[0].ndim))

    register_operator(Operator(name, FusionKind.REDUCTION, infer_types, stages, in_float64(reference)))


register_operator(Operator("max_pool", FusionKind.REDUCTION, _pool_types("max_pool", "fi"), _max_pool, in_float64(_max_pool_array)))
register_operator(
    Operator("average_pool", FusionKind.REDUCTION, _pool_types("average_pool", "f"), _average_pool, in_float64(_average_pool_array))
)
_register_global("global_max_pool", "max", lambda x, axes: np.max(x, axis=axes, keepdims=True), "fi")
_register_global("global_average_pool", "sum", lambda x, axes: np.mean(x, axis=axes, keepdims=True), "f")
