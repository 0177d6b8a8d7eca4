"""ONNX frontend: parts of tensors and tensors from parts: Concat, Split, Slice, Gather and its kin, Pad, OneHot, Trilu and CumSum."""

from collections.abc import Sequence

import numpy as np

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.frontends.onnx.converters.axes import normalize_axes, normalize_axis
from compiler.frontends.onnx.converters.elementwise import cast
from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.converters.shape import reshape
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value
from compiler.tensor_type import INT64

PAD_MODES = ("constant", "reflect", "edge", "wrap")


@converts("Concat", since=4)
def convert_concat(node: OnnxNode, build: FoldingBuilder) -> Value:
    parts = node.all_inputs()
    return concat(build, parts, normalize_axis(node.int_attribute("axis", 0), parts[0].rank))


def concat(build: FoldingBuilder, parts: Sequence[Value], axis: int) -> Value:
    """The parts one after the other; parts without elements along `axis` are left out."""
    filled = [part for part in parts if part.shape[axis] > 0] or list(parts[:1])
    return filled[0] if len(filled) == 1 else build.emit("concat", *filled, axis=axis)


def slice_axis(build: FoldingBuilder, data: Value, axis: int, start: int, end: int) -> Value:
    """The part [start, end) of one axis."""
    starts = tuple(start if each == axis else 0 for each in range(data.rank))
    ends = tuple(end if each == axis else extent for each, extent in enumerate(data.shape))
    return slice_all(build, data, starts, ends, (1,) * data.rank)


def slice_all(build: FoldingBuilder, data: Value, starts: tuple[int, ...], ends: tuple[int, ...], steps: tuple[int, ...]) -> Value:
    if ends == data.shape and set(starts) <= {0} and set(steps) <= {1}:
        return data
    return build.emit("slice", data, starts=starts, ends=ends, steps=steps)


@converts("Split")
def convert_split(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    """Part lengths come from an attribute (before opset 13) or an input; without them the parts are equal, a shorter one last."""
    data = node.input(0)
    axis = normalize_axis(node.int_attribute("axis", 0), data.rank)
    lengths = node.optional_ints(1, "the lengths") if node.has_input(1) else node.optional_ints_attribute("split")
    extent = data.shape[axis]
    if lengths is None:
        count = node.int_attribute("num_outputs", len(node.proto.output))
        length = -(-extent // max(count, 1))
        lengths = tuple(min(length, max(extent - length * part, 0)) for part in range(count))
    if sum(lengths) != extent or min(lengths, default=0) < 0:
        raise ShapeError(f"the lengths {lengths} do not add up to the extent {extent} of axis {axis}")
    ends = np.cumsum(lengths).tolist()
    return tuple(slice_axis(build, data, axis, end - length, end) for length, end in zip(lengths, ends, strict=True))


@converts("Slice")
def convert_slice_by_attributes(node: OnnxNode, build: FoldingBuilder) -> Value:
    starts, ends = node.ints_attribute("starts", ()), node.ints_attribute("ends", ())
    axes = node.ints_attribute("axes", range(len(starts)))
    return _slice(build, node.input(0), starts, ends, axes, (1,) * len(starts))


@converts("Slice", since=10)
def convert_slice_by_inputs(node: OnnxNode, build: FoldingBuilder) -> Value:
    starts, ends = node.constant_ints(1, "the starts"), node.constant_ints(2, "the ends")
    axes, steps = node.optional_ints(3, "the axes"), node.optional_ints(4, "the steps")
    axes = tuple(range(len(starts))) if axes is None else axes
    return _slice(build, node.input(0), starts, ends, axes, (1,) * len(starts) if steps is None else steps)


def _slice(
    build: FoldingBuilder, data: Value, starts: tuple[int, ...], ends: tuple[int, ...], axes: tuple[int, ...], steps: tuple[int, ...]
) -> Value:
    """Bounds count from the end when negative and are clamped, as in Python."""
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ShapeError(f"starts {starts}, ends {ends}, axes {axes} and steps {steps} differ in length")
    if 0 in steps:
        raise ShapeError(f"steps {steps} contain 0")
    bounds = [(0, extent, 1) for extent in data.shape]
    for axis, start, end, step in zip(normalize_axes(axes, data.rank), starts, ends, steps, strict=True):
        bounds[axis] = slice(start, end, step).indices(data.shape[axis])
    return slice_all(build, data, *(tuple(bound[place] for bound in bounds) for place in range(3)))


@converts("Gather")
def convert_gather(node: OnnxNode, build: FoldingBuilder) -> Value:
    data, indices = node.input(0), node.input(1)
    axis = normalize_axis(node.int_attribute("axis", 0), data.rank)
    extent = data.shape[axis]
    if indices.constant is None or (data.constant is not None and indices.constant.size != 1):
        return build.emit("gather", data, indices, axis=axis)
    places = indices.constant
    if places.size and not (-extent <= places.min() and places.max() < extent):
        raise ShapeError(f"indices {places.min()} to {places.max()} are not all in [{-extent}, {extent - 1}]")
    if places.size == 1:
        place = int(places.reshape(())) % extent
        part = slice_axis(build, data, axis, place, place + 1)
        return reshape(build, part, data.shape[:axis] + indices.shape + data.shape[axis + 1 :])
    return build.emit("gather", data, build.constant(places % extent), axis=axis)


@converts("Pad")
def convert_pad_by_attributes(node: OnnxNode, build: FoldingBuilder) -> Value:
    data = node.input(0)
    pads = node.ints_attribute("pads", (0,) * (2 * data.rank))
    return _pad(node, build, pads, range(data.rank), node.float_attribute("value", 0.0))


@converts("Pad", since=11)
def convert_pad_by_inputs(node: OnnxNode, build: FoldingBuilder) -> Value:
    axes = node.optional_ints(3, "the axes")
    value = node.optional_constant(2, "the padding value")
    number = value.item() if value is not None and value.size else 0
    return _pad(node, build, node.constant_ints(1, "the pads"), range(node.input(0).rank) if axes is None else axes, number)


def _pad(node: OnnxNode, build: FoldingBuilder, pads: tuple[int, ...], axes: Sequence[int], value: float) -> Value:
    """Negative padding takes elements away, before the positive is added."""
    data, mode = node.input(0), node.string_attribute("mode", "constant")
    if mode not in PAD_MODES:
        raise UnsupportedOperator(f"mode {mode!r} is not supported; supported are {', '.join(PAD_MODES)}")
    if len(pads) != 2 * len(axes):
        raise ShapeError(f"{len(pads)} pads are given for {len(axes)} axes")
    before, after = [0] * data.rank, [0] * data.rank
    for axis, start, end in zip(normalize_axes(axes, data.rank), pads[: len(axes)], pads[len(axes) :], strict=True):
        before[axis], after[axis] = start, end
    if not any((*before, *after)):
        return data
    return build.emit("pad", data, mode=mode, pads=(*before, *after), value=data.dtype.type(value).item())


@converts("OneHot", since=9)
def convert_one_hot(node: OnnxNode, build: FoldingBuilder) -> Value:
    indices, values = node.input(0), node.input(2)
    depth = int(node.constant_input(1, "the depth").reshape(-1)[0])
    axis = normalize_axis(node.int_attribute("axis", -1), indices.rank + 1)
    indices = cast(build, indices, INT64)
    if values.constant is not None:
        off_value, on_value = values.constant.reshape(-1).tolist()
        return build.emit("one_hot", indices, depth=depth, axis=axis, on_value=on_value, off_value=off_value, to=values.dtype.name)
    hit = build.emit("one_hot", indices, depth=depth, axis=axis, on_value=True, off_value=False, to="bool")
    off, on = (slice_axis(build, values, 0, place, place + 1) for place in (0, 1))
    return build.emit("where", hit, on, off)


@converts("Trilu", since=14)
def convert_trilu(node: OnnxNode, build: FoldingBuilder) -> Value:
    diagonal = node.optional_ints(1, "the diagonal")
    return build.emit("trilu", node.input(0), upper=bool(node.int_attribute("upper", 1)), k=diagonal[0] if diagonal else 0)


@converts("GatherElements", since=11)
def convert_gather_elements(node: OnnxNode, build: FoldingBuilder) -> Value:
    data = node.input(0)
    return build.emit("gather_elements", data, node.input(1), axis=normalize_axis(node.int_attribute("axis", 0), data.rank))


@converts("GatherND", since=11)
def convert_gather_nd(node: OnnxNode, build: FoldingBuilder) -> Value:
    return build.emit("gather_nd", node.input(0), node.input(1), batch_dims=node.int_attribute("batch_dims", 0))


@converts("CumSum", since=11)
def convert_cumsum(node: OnnxNode, build: FoldingBuilder) -> Value:
    data, axis = node.input(0), int(node.constant_input(1, "the axis").reshape(()))
    exclusive, reverse = bool(node.int_attribute("exclusive", 0)), bool(node.int_attribute("reverse", 0))
    return build.emit("cumsum", data, axis=normalize_axis(axis, data.rank), exclusive=exclusive, reverse=reverse)
