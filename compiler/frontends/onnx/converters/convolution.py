"""ONNX frontend: Conv and ConvTranspose over one or two spatial axes.

One axis becomes two, the first of extent 1. The bias becomes an `add`, which fusion takes back into the convolution.
"""

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.converters.window import Window, apply_auto_pad, auto_pad_mode, read_window, split_padding
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value


@converts("Conv")
def convert_conv(node: OnnxNode, build: FoldingBuilder) -> Value:
    data, weight = node.input(0), node.input(1)
    _check_ranks(data, weight)
    spatial = data.shape[2:]
    window = apply_auto_pad(auto_pad_mode(node), read_window(node, spatial, weight.shape[2:]), spatial)
    two_axes, data, weight = _as_two_axes(build, window, data, weight)
    result = build.emit(
        "conv2d",
        data,
        weight,
        strides=two_axes.strides,
        padding=two_axes.padding,
        dilations=two_axes.dilations,
        groups=node.int_attribute("group", 1),
        layout="NCHW",
        out_layout="NCHW",
    )
    return _finish(build, result, node.optional_input(2), len(spatial))


@converts("ConvTranspose")
def convert_conv_transpose(node: OnnxNode, build: FoldingBuilder) -> Value:
    data, weight = node.input(0), node.input(1)
    _check_ranks(data, weight)
    spatial = data.shape[2:]
    window = read_window(node, spatial, weight.shape[2:])
    extra = node.ints_attribute("output_padding", (0,) * len(spatial))
    window, extra = _transpose_padding(node, window, spatial, extra)
    two_axes, data, weight = _as_two_axes(build, window, data, weight)
    result = build.emit(
        "conv2d_transpose",
        data,
        weight,
        strides=two_axes.strides,
        padding=two_axes.padding,
        output_padding=(0,) * (2 - len(spatial)) + extra,
        dilations=two_axes.dilations,
        groups=node.int_attribute("group", 1),
    )
    return _finish(build, result, node.optional_input(2), len(spatial))


def _check_ranks(data: Value, weight: Value) -> None:
    if data.rank not in (3, 4):
        raise UnsupportedOperator(f"{data.rank - 2} spatial dimensions are not supported; supported are 1 and 2")
    if weight.rank != data.rank:
        raise ShapeError(f"data {data.type} and weights {weight.type} have different ranks")


def _as_two_axes(build: FoldingBuilder, window: Window, data: Value, weight: Value) -> tuple[Window, Value, Value]:
    if data.rank == 4:
        return window, data, weight
    data, weight = (build.emit("reshape", value, shape=(*value.shape[:2], 1, *value.shape[2:])) for value in (data, weight))
    return window.with_unit_height(), data, weight


def _finish(build: FoldingBuilder, result: Value, bias: Value | None, axes: int) -> Value:
    if bias is not None:
        result = build.emit("add", result, build.emit("reshape", bias, shape=(1, bias.type.element_count, 1, 1)))
    if axes == 1:
        result = build.emit("reshape", result, shape=(*result.shape[:2], *result.shape[3:]))
    return result


def _transpose_padding(node: OnnxNode, window: Window, spatial: tuple[int, ...], extra: tuple[int, ...]) -> tuple[Window, tuple[int, ...]]:
    """Padding from `output_shape` or `auto_pad` by the formulas of the ONNX specification; a negative total becomes output padding."""
    mode = auto_pad_mode(node)
    target = node.optional_ints_attribute("output_shape")
    if mode == "VALID":
        window = Window(window.kernel, window.strides, window.dilations, (0,) * len(spatial), (0,) * len(spatial))
    if target is None:
        if mode in ("NOTSET", "VALID"):
            return window, extra
        target = tuple(extent * stride for extent, stride in zip(spatial, window.strides, strict=True))
    target = target[-len(spatial) :]
    before, after, grown = [], [], []
    for axis, wanted in enumerate(target):
        unpadded = window.strides[axis] * (spatial[axis] - 1) + (window.kernel[axis] - 1) * window.dilations[axis] + 1
        total = unpadded + extra[axis] - wanted
        start, end = split_padding(max(total, 0), more_at_end=mode == "SAME_UPPER")
        before.append(start)
        after.append(end)
        grown.append(extra[axis] + max(-total, 0))
    return Window(window.kernel, window.strides, window.dilations, tuple(before), tuple(after)), tuple(grown)
