"""Operators: shape rule, tensor expression and numpy reference of each. Next: `compiler/graph`, which connects them."""

from compiler.ops import (
    activation,
    broadcast,
    concat,
    conv,
    conv_transpose,
    cumsum,
    elementwise,
    gather,
    gru,
    layout_transform,
    lrn,
    lstm,
    matmul,
    normalize,
    one_hot,
    pad,
    rearrange,
    reduce,
    reshape,
    resize,
    softmax,
    winograd,
)
from compiler.ops.conv import ConvShape, conv_shape
from compiler.ops.layout import PLAIN, blocked_layout, channel_block, fits_layout
from compiler.ops.operator import OPERATORS, Array, Attributes, FusionKind, Operator, get_operator, register_operator
from compiler.ops.pool import pool_output_size
from compiler.ops.slice import normalize_slice

FAMILIES = (
    activation,
    broadcast,
    concat,
    conv,
    conv_transpose,
    cumsum,
    elementwise,
    gather,
    gru,
    layout_transform,
    lrn,
    lstm,
    matmul,
    normalize,
    one_hot,
    pad,
    rearrange,
    reduce,
    reshape,
    resize,
    softmax,
    winograd,
)  # importing a family registers its operators; pool and slice are imported by the lines above

__all__ = [
    "ConvShape",
    "conv_shape",
    "OPERATORS",
    "PLAIN",
    "Array",
    "Attributes",
    "FusionKind",
    "Operator",
    "blocked_layout",
    "channel_block",
    "fits_layout",
    "get_operator",
    "normalize_slice",
    "pool_output_size",
    "register_operator",
]
