"""conv2d_transpose: the gradient of a convolution with respect to its data, as used for learnt upsampling.

Attributes: strides (2), padding (top, left, bottom, right), output_padding (2), dilations (2), groups.
Inputs: data (N, IC, H, W), weight (IC, OC / groups, KH, KW).

With dilation 1 the output splits into stride x stride phases, each an ordinary convolution with every stride-th tap of the kernel
(sub-pixel convolution, Shi et al. 2016), so that no multiplication by an inserted zero is made. Otherwise the taps that hit between
the input's elements are guarded out.
"""

from collections.abc import Sequence

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.type_rules import require, require_count, require_kind
from compiler.te import Expr, Tensor, compute, equal, logical_and, reduce_axis, select, sum_over
from compiler.tensor_type import TensorType


def _out_size(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[int, int]:
    data, weight = inputs
    padding = attributes["padding"]
    sizes = [
        attributes["strides"][axis] * (data.shape[2 + axis] - 1)
        + attributes["output_padding"][axis]
        + (weight.shape[2 + axis] - 1) * attributes["dilations"][axis]
        + 1
        - padding[axis]
        - padding[axis + 2]
        for axis in (0, 1)
    ]
    return sizes[0], sizes[1]


def _infer(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("conv2d_transpose", inputs, 2)
    require_kind("conv2d_transpose", inputs, "f")
    data, weight = inputs
    groups = attributes["groups"]
    fits = len(data.shape) == len(weight.shape) == 4 and data.shape[1] == weight.shape[0] and data.shape[1] % groups == 0
    require(fits, "conv2d_transpose", f"data (N, IC, H, W) and weight (IC, OC / groups, KH, KW) with IC divisible by {groups}", inputs)
    size = _out_size(inputs, attributes)
    require(min(size) >= 1, "conv2d_transpose", "the padding leaves an output", inputs)
    return (TensorType((data.shape[0], weight.shape[1] * groups, *size), data.dtype),)


def _compute(name: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    out = _infer([tensor.type for tensor in inputs], attributes)[0].shape
    if tuple(attributes["dilations"]) == (1, 1):
        return (_by_phase(name, inputs, attributes, out),)
    return (_guarded(name, inputs, attributes, out),)


def _by_phase(name: str, inputs: Sequence[Tensor], attributes: Attributes, out: tuple[int, ...]) -> Tensor:
    data, weight = inputs
    (sh, sw), (top, left), groups = attributes["strides"], attributes["padding"][:2], attributes["groups"]
    kernel_h, kernel_w = weight.shape[2:]
    per_in, per_out = data.shape[1] // groups, weight.shape[1]
    taps_h, taps_w = -(-kernel_h // sh), -(-kernel_w // sw)

    def tap(phase: Expr, index: Expr, stride: int, begin: int) -> Expr:
        return index * stride + (phase + begin) % stride

    packed = compute(
        (out[1], sh, sw, per_in, taps_h, taps_w),
        lambda oc, ry, rx, i, jh, jw: select(
            logical_and(tap(ry, jh, sh, top) < kernel_h, tap(rx, jw, sw, left) < kernel_w),
            weight[(oc // per_out) * per_in + i, oc % per_out, tap(ry, jh, sh, top), tap(rx, jw, sw, left)],
            0.0,
        ),
        f"{name}.weight",
        ("oc", "ry", "rx", "ic", "jh", "jw"),
    )
    ic, jh, jw = reduce_axis(per_in, "ic"), reduce_axis(taps_h, "jh"), reduce_axis(taps_w, "jw")
    height, width = data.shape[2:]
    rows, columns = -(-out[2] // sh), -(-out[3] // sw)
    before_h, before_w = taps_h - 1, taps_w - 1
    padded_size = (
        max(height, rows - 1 + (sh - 1 + top) // sh + 1) + before_h,
        max(width, columns - 1 + (sw - 1 + left) // sw + 1) + before_w,
    )
    padded = compute(
        (*data.shape[:2], *padded_size),
        lambda n, c, y, x: select(
            logical_and(y >= before_h, y < before_h + height, x >= before_w, x < before_w + width),
            data[n, c, y - before_h, x - before_w],
            0.0,
        ),
        f"{name}.pad",
        ("n", "ic", "ih", "iw"),
    )
    phases = compute(
        (out[0], out[1], sh, sw, rows, columns),
        lambda n, oc, ry, rx, y, x: sum_over(
            padded[
                n,
                (oc // per_out) * per_in + ic.var,
                y + (ry + top) // sh - jh.var + before_h,
                x + (rx + left) // sw - jw.var + before_w,
            ]
            * packed[oc, ry, rx, ic, jh, jw],
            ic,
            jh,
            jw,
        ),
        f"{name}.phases",
        ("n", "oc", "ry", "rx", "y", "x"),
    )
    return compute(out, lambda n, oc, y, x: phases[n, oc, y % sh, x % sw, y // sh, x // sw], name, ("n", "oc", "oh", "ow"))


def _guarded(name: str, inputs: Sequence[Tensor], attributes: Attributes, out: tuple[int, ...]) -> Tensor:
    data, weight = inputs
    (sh, sw), (top, left), groups = attributes["strides"], attributes["padding"][:2], attributes["groups"]
    dh, dw = attributes["dilations"]
    per_in, per_out = data.shape[1] // groups, weight.shape[1]
    height, width = data.shape[2:]
    ic, kh, kw = reduce_axis(per_in, "ic"), reduce_axis(weight.shape[2], "kh"), reduce_axis(weight.shape[3], "kw")

    def value(n: Expr, oc: Expr, y: Expr, x: Expr) -> Expr:
        row, column = y + top - kh.var * dh, x + left - kw.var * dw
        hits = logical_and(
            equal(row % sh, 0), equal(column % sw, 0), row // sh >= 0, row // sh < height, column // sw >= 0, column // sw < width
        )
        source = (oc // per_out) * per_in + ic.var
        return sum_over(select(hits, data[n, source, row // sh, column // sw], 0.0) * weight[source, oc % per_out, kh, kw], ic, kh, kw)

    return compute(out, value, name, ("n", "oc", "oh", "ow"))


def _reference(arrays: Sequence[Array], attributes: Attributes) -> Array:
    data, weight = arrays
    out = _infer([TensorType(array.shape, array.dtype) for array in arrays], attributes)[0].shape
    (sh, sw), (dh, dw), groups = attributes["strides"], attributes["dilations"], attributes["groups"]
    per_in, per_out = data.shape[1] // groups, weight.shape[1]
    kernel_h, kernel_w = weight.shape[2:]
    height, width = data.shape[2:]
    full = np.zeros((*out[:2], sh * (height - 1) + dh * (kernel_h - 1) + 1, sw * (width - 1) + dw * (kernel_w - 1) + 1))
    for group in range(groups):
        source = slice(group * per_in, (group + 1) * per_in)
        products = np.einsum("nchw,cokl->noklhw", data[:, source], weight[source])
        for y in range(kernel_h):
            for x in range(kernel_w):
                full[
                    :,
                    group * per_out : (group + 1) * per_out,
                    y * dh : y * dh + sh * (height - 1) + 1 : sh,
                    x * dw : x * dw + sw * (width - 1) + 1 : sw,
                ] += products[:, :, y, x]
    top, left = attributes["padding"][:2]
    result = np.zeros(out)
    window = full[:, :, top : top + out[2], left : left + out[3]]
    result[:, :, : window.shape[2], : window.shape[3]] = window
    return result


CONV2D_TRANSPOSE = register_operator(Operator("conv2d_transpose", FusionKind.ANCHOR, _infer, _compute, in_float64(_reference)))
