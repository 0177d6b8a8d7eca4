"""conv2d: shape rule, tensor expressions for each combination of layouts, reference.

Attributes: strides (2), padding (top, left, bottom, right), dilations (2), groups, layout ("NCHW" or "NCHW{c}c") of the data, out_layout.
weight_bytes: 4, or 3 where the weights of a blocked output are rounded to three bytes each (`te/narrow_float.py`); 4 if it is missing.
Inputs: data, weight (OC, IC / groups, KH, KW), whatever the layout. A blocked side pads the channels up to a multiple of the block with
lanes of zero weight. Inner stages: `{name}.pad` (the data with its border of zeros, where there is one) and `{name}.weight` (the weights
in the order in which the kernel walks them; made at compile time where the weight is a constant).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from compiler.errors import ShapeError
from compiler.ops.layout import channel_block
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.type_rules import require, require_count, require_kind
from compiler.te import NARROW_BYTES, Expr, Tensor, compute, logical_and, reduce_axis, round_to_narrow, select, sum_over
from compiler.tensor_type import FLOAT32, TensorType


@dataclass(frozen=True, slots=True)
class ConvShape:
    """The numbers of one convolution: channels without padding lanes; block_in, block_out: 0 for a plain side."""

    batch: int
    in_channels: int
    out_channels: int
    groups: int
    in_size: tuple[int, int]
    out_size: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilations: tuple[int, int]
    block_in: int
    block_out: int

    weight_bytes: int

    @property
    def depthwise(self) -> bool:
        """One filter per channel."""
        return self.groups == self.in_channels == self.out_channels and self.groups > 1

    @property
    def group_channels(self) -> tuple[int, int]:
        """Input and output channels of one group."""
        return self.in_channels // self.groups, self.out_channels // self.groups

    @property
    def macs(self) -> int:
        """Multiplications with the padding counted, lanes of padded channels not."""
        return (
            self.batch * self.out_channels * self.out_size[0] * self.out_size[1] * self.group_channels[0] * self.kernel[0] * self.kernel[1]
        )


def conv_shape(data: TensorType, weight: TensorType, attributes: Attributes) -> ConvShape:
    """Check the types of a conv2d against its attributes; raises `ShapeError`."""
    given = (data, weight)
    block_in, block_out = channel_block(attributes["layout"]), channel_block(attributes["out_layout"])
    groups = int(attributes["groups"])
    require(len(weight.shape) == 4, "conv2d", "the weight has 4 axes (OC, IC / groups, KH, KW)", given)
    out_channels, per_group, kernel_h, kernel_w = weight.shape
    in_channels = per_group * groups
    require(out_channels % groups == 0, "conv2d", f"the output channels divide into {groups} groups", given)
    if block_in:
        fits = len(data.shape) == 5 and data.shape[4] == block_in and data.shape[1] == -(-in_channels // block_in)
    else:
        fits = len(data.shape) == 4 and data.shape[1] == in_channels
    require(fits, "conv2d", f"data in layout {attributes['layout']} has {in_channels} channels in {groups} groups", given)
    stride, padding, dilation = tuple(attributes["strides"]), tuple(attributes["padding"]), tuple(attributes["dilations"])
    size = (data.shape[2], data.shape[3])
    out = tuple(
        (size[axis] + padding[axis] + padding[axis + 2] - dilation[axis] * (kernel - 1) - 1) // stride[axis] + 1
        for axis, kernel in enumerate((kernel_h, kernel_w))
    )
    require(min(out) >= 1, "conv2d", f"kernel {(kernel_h, kernel_w)} fits the padded data", given)
    shape = ConvShape(
        data.shape[0], in_channels, out_channels, groups, size, (out[0], out[1]), (kernel_h, kernel_w),
        (stride[0], stride[1]), (padding[0], padding[1], padding[2], padding[3]), (dilation[0], dilation[1]), block_in, block_out,
        int(attributes.get("weight_bytes", FLOAT32.itemsize)),
    )  # fmt: skip
    _check_blocks(shape)
    return shape


def _check_blocks(shape: ConvShape) -> None:
    if shape.groups == 1 or (shape.depthwise and shape.block_in == shape.block_out) or not (shape.block_in or shape.block_out):
        return
    per_group = shape.group_channels
    if shape.block_in != shape.block_out or per_group[0] % shape.block_in or per_group[1] % shape.block_out:
        raise ShapeError(f"conv2d: {shape.groups} groups of {per_group} channels cannot be blocked by {shape.block_in}, {shape.block_out}")


def _infer(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("conv2d", inputs, 2)
    require_kind("conv2d", inputs, "f")
    shape = conv_shape(inputs[0], inputs[1], attributes)
    if shape.weight_bytes != FLOAT32.itemsize:
        fits = shape.weight_bytes == NARROW_BYTES and inputs[1].dtype == FLOAT32 and shape.block_out and not shape.depthwise
        require(bool(fits), "conv2d", "weights take 4 bytes, or 3 where they are float32, dense and for a blocked output", inputs)
    if shape.block_out:
        blocks = -(-shape.out_channels // shape.block_out)
        return (TensorType((shape.batch, blocks, *shape.out_size, shape.block_out), inputs[0].dtype),)
    return (TensorType((shape.batch, shape.out_channels, *shape.out_size), inputs[0].dtype),)


def pad_border(name: str, data: Tensor, padding: tuple[int, int, int, int]) -> Tensor:
    """`{name}.pad`: the data with a border of zeros (top, left, bottom, right); the data itself where there is no border."""
    top, left, bottom, right = padding
    if not any(padding):
        return data
    height, width = data.shape[2:4]
    padded = (*data.shape[:2], height + top + bottom, width + left + right, *data.shape[4:])

    def value(n: Expr, c: Expr, y: Expr, x: Expr, *lane: Expr) -> Expr:
        guards = []
        if top:
            guards.append(y >= top)
        if bottom:
            guards.append(y < top + height)
        if left:
            guards.append(x >= left)
        if right:
            guards.append(x < left + width)
        return select(logical_and(*guards), data[(n, c, y - top, x - left, *lane)], 0.0)

    return compute(padded, value, f"{name}.pad", ("n", "ic", "ih", "iw", "ici")[: len(padded)])


def _compute(name: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    data, weight = inputs
    shape = conv_shape(data.type, weight.type, attributes)
    padded = pad_border(name, data, shape.padding)
    if shape.depthwise:
        return (_depthwise(name, padded, weight, shape),)
    if shape.block_out:
        return (_blocked(name, padded, weight, shape),)
    return (_plain_output(name, padded, weight, shape),)


def _depthwise(name: str, padded: Tensor, weight: Tensor, shape: ConvShape) -> Tensor:
    kh, kw = reduce_axis(shape.kernel[0], "kh"), reduce_axis(shape.kernel[1], "kw")
    (sh, sw), (dh, dw), c = shape.strides, shape.dilations, shape.block_out
    if not c:
        return compute(
            (shape.batch, shape.out_channels, *shape.out_size),
            lambda n, oc, y, x: sum_over(padded[n, oc, y * sh + kh.var * dh, x * sw + kw.var * dw] * weight[oc, 0, kh, kw], kh, kw),
            name,
            ("n", "oc", "oh", "ow"),
        )
    blocks = -(-shape.out_channels // c)
    packed = compute(
        (blocks, *shape.kernel, c),
        lambda co, y, x, ci: select(_exists(co * c + ci, shape.out_channels), weight[co * c + ci, 0, y, x], 0.0),
        f"{name}.weight",
        ("oc", "kh", "kw", "oci"),
    )
    return compute(
        (shape.batch, blocks, *shape.out_size, c),
        lambda n, co, y, x, ci: sum_over(padded[n, co, y * sh + kh.var * dh, x * sw + kw.var * dw, ci] * packed[co, kh, kw, ci], kh, kw),
        name,
        ("n", "oc", "oh", "ow", "oci"),
    )


def stored_weight(value: Expr, shape: ConvShape) -> Expr:
    """A weight, or a transformed one, as it is kept."""
    return round_to_narrow(value) if shape.weight_bytes == NARROW_BYTES else value


def _exists(channel: Expr, channels: int) -> Expr:
    return channel < channels


def _blocked(name: str, padded: Tensor, weight: Tensor, shape: ConvShape) -> Tensor:
    """Blocked output; blocked or plain input."""
    kh, kw = reduce_axis(shape.kernel[0], "kh"), reduce_axis(shape.kernel[1], "kw")
    (sh, sw), (dh, dw) = shape.strides, shape.dilations
    per_in, per_out = shape.group_channels
    b, c = shape.block_in, shape.block_out
    blocks = -(-shape.out_channels // c)
    if not b:
        ic = reduce_axis(shape.in_channels, "ic")
        packed = compute(
            (blocks, shape.in_channels, *shape.kernel, c),
            lambda co, i, y, x, ci: stored_weight(
                select(_exists(co * c + ci, shape.out_channels), weight[co * c + ci, i, y, x], 0.0), shape
            ),
            f"{name}.weight",
            ("oc", "ic", "kh", "kw", "oci"),
        )
        return compute(
            (shape.batch, blocks, *shape.out_size, c),
            lambda n, co, y, x, ci: sum_over(
                padded[n, ic, y * sh + kh.var * dh, x * sw + kw.var * dw] * packed[co, ic, kh, kw, ci], ic, kh, kw
            ),
            name,
            ("n", "oc", "oh", "ow", "oci"),
        )
    in_blocks = -(-per_in // b)
    lanes = min(b, per_in)
    ic, ici = reduce_axis(in_blocks, "ic"), reduce_axis(lanes, "ici")
    packed = compute(
        (blocks, in_blocks, *shape.kernel, lanes, c),
        lambda co, io, y, x, ii, ci: stored_weight(
            select(
                logical_and(_exists(co * c + ci, shape.out_channels), _exists(io * b + ii, per_in)),
                weight[co * c + ci, io * b + ii, y, x],
                0.0,
            ),
            shape,
        ),
        f"{name}.weight",
        ("oc", "ic", "kh", "kw", "ici", "oci"),
    )
    group_blocks = per_out // c

    def first_block(co: Expr) -> Expr | int:
        return 0 if shape.groups == 1 else (co // group_blocks) * in_blocks

    return compute(
        (shape.batch, blocks, *shape.out_size, c),
        lambda n, co, y, x, ci: sum_over(
            padded[n, ic.var + first_block(co), y * sh + kh.var * dh, x * sw + kw.var * dw, ici] * packed[co, ic, kh, kw, ici, ci],
            ic,
            kh,
            kw,
            ici,
        ),
        name,
        ("n", "oc", "oh", "ow", "oci"),
    )


def _plain_output(name: str, padded: Tensor, weight: Tensor, shape: ConvShape) -> Tensor:
    """Plain output from plain or (one group) blocked input."""
    kh, kw = reduce_axis(shape.kernel[0], "kh"), reduce_axis(shape.kernel[1], "kw")
    (sh, sw), (dh, dw), b = shape.strides, shape.dilations, shape.block_in
    per_in, per_out = shape.group_channels
    ic = reduce_axis(per_in, "ic")

    def channel(oc: Expr) -> Expr:
        return ic.var if shape.groups == 1 else (oc // per_out) * per_in + ic.var

    def value(n: Expr, oc: Expr, y: Expr, x: Expr) -> Expr:
        row, column, source = y * sh + kh.var * dh, x * sw + kw.var * dw, channel(oc)
        element = padded[n, source // b, row, column, source % b] if b else padded[n, source, row, column]
        return sum_over(element * weight[oc, ic, kh, kw], ic, kh, kw)

    return compute((shape.batch, shape.out_channels, *shape.out_size), value, name, ("n", "oc", "oh", "ow"))


def to_plain(array: Array, channels: int) -> Array:
    """(N, C/c, H, W, c) -> (N, C, H, W)."""
    batch, blocks, height, width, block = array.shape
    return array.transpose(0, 1, 4, 2, 3).reshape(batch, blocks * block, height, width)[:, :channels]


def to_blocked(array: Array, block: int) -> Array:
    """(N, C, H, W) -> (N, C/c, H, W, c), zeros in the padding lanes."""
    batch, channels, height, width = array.shape
    blocks = -(-channels // block)
    padded = np.pad(array, ((0, 0), (0, blocks * block - channels), (0, 0), (0, 0)))
    return padded.reshape(batch, blocks, block, height, width).transpose(0, 1, 3, 4, 2)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> Array:
    data, weight = arrays
    kinds = [TensorType(array.shape, array.dtype) for array in arrays]
    shape = conv_shape(kinds[0], kinds[1], attributes)
    plain = to_plain(data, shape.in_channels) if shape.block_in else data
    top, left, bottom, right = shape.padding
    padded = np.pad(plain, ((0, 0), (0, 0), (top, bottom), (left, right)))
    reach = tuple(dilation * (kernel - 1) + 1 for dilation, kernel in zip(shape.dilations, shape.kernel, strict=True))
    windows = sliding_window_view(padded, reach, axis=(2, 3))
    windows = windows[:, :, :: shape.strides[0], :: shape.strides[1], :: shape.dilations[0], :: shape.dilations[1]]
    per_in, per_out = shape.group_channels
    parts = [
        np.tensordot(
            windows[:, group * per_in : (group + 1) * per_in], weight[group * per_out : (group + 1) * per_out], ((1, 4, 5), (1, 2, 3))
        )
        for group in range(shape.groups)
    ]
    result = np.concatenate(parts, axis=-1).transpose(0, 3, 1, 2)
    return to_blocked(result, shape.block_out) if shape.block_out else result


CONV2D = register_operator(Operator("conv2d", FusionKind.ANCHOR, _infer, _compute, in_float64(_reference)))
