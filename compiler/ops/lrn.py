"""Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3, in ONNX's form).

lrn(x)    attributes: size, alpha, beta, bias (numbers), layout, channels (their number, which a blocked shape only bounds)
          y[c] = x[c] / (bias + alpha / size * sum of x[k]^2 over c - (size - 1) // 2 <= k <= c + size // 2) ^ beta
Stages: {name}.squares, {name}. In a blocked layout (see layout.py), lanes beyond the channels become 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.ops.layout import channel_block, fits_layout, from_plain, layout_axis_names, to_plain
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.type_rules import require, require_count, require_kind
from compiler.te import Expr, Tensor, call, compute, logical_and, power, reduce_axis, select, sum_over
from compiler.tensor_type import TensorType


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("lrn", inputs, 1)
    require_kind("lrn", inputs, "f")
    shape, layout, channels = inputs[0].shape, attributes["layout"], attributes["channels"]
    require(fits_layout(layout, shape), "lrn", f"needs an input of layout {layout}", inputs)
    require(attributes["size"] > 0, "lrn", f"size {attributes['size']} is not positive", inputs)
    block = channel_block(layout)
    blocks = -(-channels // block) if block else channels
    require(blocks == shape[1], "lrn", f"{channels} channels do not fit layout {layout}", inputs)
    return (inputs[0],)


def _power(base: Expr, exponent: float) -> Expr:
    """base ** exponent for a positive base; three quarters, which nearly all models have, by two square roots."""
    if exponent == 0.75:
        root = call("sqrt", base)
        return root * call("sqrt", root)
    return power(base, exponent)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,) = inputs
    layout, channels, size = attributes["layout"], attributes["channels"], attributes["size"]
    block, names = channel_block(layout), layout_axis_names(layout, len(x.shape))

    def channel_of(index: Sequence[Expr]) -> Expr:
        return index[1] * block + index[4] if block else index[1]

    def squares(*index: Expr) -> Expr:
        k = reduce_axis(size, "k")
        channel = channel_of(index) + k.var - (size - 1) // 2
        place = (index[0], channel // block, *index[2:4], channel % block) if block else (index[0], channel, *index[2:])
        value = x[place]
        return sum_over(select(logical_and(channel >= 0, channel < channels), value * value, 0.0), k)

    total = compute(x.shape, squares, f"{stage}.squares", names)

    def element(*index: Expr) -> Expr:
        base = attributes["bias"] + total[index] * (attributes["alpha"] / size)
        result: Expr = x[index] / _power(base, attributes["beta"])
        return select(channel_of(index) < channels, result, 0.0) if block and channels % block else result

    return (compute(x.shape, element, stage, names),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> Any:
    layout, channels, size = attributes["layout"], attributes["channels"], attributes["size"]
    x = to_plain(arrays[0], layout, channels)
    before, after = (size - 1) // 2, size // 2
    padded = np.pad(x * x, ((0, 0), (before, after), *((0, 0),) * (x.ndim - 2)))
    total = sum(padded[:, shift : shift + channels] for shift in range(size))
    return from_plain(x / (attributes["bias"] + attributes["alpha"] / size * total) ** attributes["beta"], layout)


register_operator(Operator("lrn", FusionKind.OPAQUE, _infer_types, _stages, in_float64(_reference)))
