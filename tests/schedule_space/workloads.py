"""Small workloads of every loop structure: odd sizes, primes, batch > 1."""

from typing import Any

import numpy as np

from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload

CONV: dict[str, Any] = {
    "strides": (1, 1),
    "padding": (1, 1, 1, 1),
    "dilations": (1, 1),
    "groups": 1,
    "layout": "NCHW",
    "out_layout": "NCHW",
}

BLOCKED = {"layout": "NCHW4c", "out_layout": "NCHW4c"}


def argument(*shape: int, constant: bool = False, dtype: str = "float32") -> Argument:
    return Argument(TensorType(shape, np.dtype(dtype)), constant)


def single(op: str, attributes: dict[str, Any], *arguments: Argument) -> Workload:
    return Workload(tuple(arguments), (GroupOp(op, tuple(("arg", i) for i in range(len(arguments))), attributes),))


def conv(data: tuple[int, ...], weight: tuple[int, ...], *, epilogue: bool = False, constant: bool = True, **attributes: Any) -> Workload:
    attributes = {**CONV, **attributes}
    base = single("conv2d", attributes, argument(*data), argument(*weight, constant=constant))
    if not epilogue:
        return base
    out = base.output_types[0].shape
    bias = (1, out[1], 1, 1, out[4]) if len(out) == 5 else (1, out[1], 1, 1)
    return Workload(
        (*base.arguments, argument(*bias, constant=True), argument(*out)),
        (*base.ops, GroupOp("add", (("op", 0), ("arg", 2))), GroupOp("add", (("op", 1), ("arg", 3))), GroupOp("relu", (("op", 2),))),
    )


def winograd(direct: Workload, *tile: int) -> Workload:
    """The workload of a convolution in its form F(tile)."""
    at = direct.anchor
    form = GroupOp("winograd_conv2d", direct.ops[at].inputs, {**direct.ops[at].attributes, "tile": tile})
    return Workload(direct.arguments, (*direct.ops[:at], form, *direct.ops[at + 1 :]), at)


def narrow(base: Workload) -> Workload:
    """The workload of a convolution or a product with its weights in three bytes each."""
    return _with_weight_bytes(base, 3)


def fixed(base: Workload) -> Workload:
    """The workload of a product with its weights in fixed point."""
    return _with_weight_bytes(base, 2)


def _with_weight_bytes(base: Workload, number: int) -> Workload:
    at = base.anchor
    form = GroupOp(base.ops[at].op, base.ops[at].inputs, {**base.ops[at].attributes, "weight_bytes": number})
    return Workload(base.arguments, (*base.ops[:at], form, *base.ops[at + 1 :]), at)


def with_silu(base: Workload) -> Workload:
    """x * sigmoid(x) of what the workload computes, which is used twice."""
    last = len(base.ops) - 1
    gate = (GroupOp("sigmoid", (("op", last),)), GroupOp("mul", (("op", last), ("op", last + 1))))
    return Workload(base.arguments, (*base.ops, *gate), base.anchor)


def after_relu(base: Workload) -> Workload:
    """The workload with a relu of its first argument ahead."""

    def moved(source: tuple[str, int]) -> tuple[str, int]:
        kind, index = source
        return ("op", 0) if source == ("arg", 0) else (kind, index + (kind == "op"))

    ops = tuple(GroupOp(op.op, tuple(map(moved, op.inputs)), op.attributes) for op in base.ops)
    return Workload(base.arguments, (GroupOp("relu", (("arg", 0),)), *ops), base.anchor + 1)


def matmul(
    a: tuple[int, ...], b: tuple[int, ...], *, constant: bool = True, transpose_a: bool = False, transpose_b: bool = False
) -> Workload:
    return single("matmul", {"transpose_a": transpose_a, "transpose_b": transpose_b}, argument(*a), argument(*b, constant=constant))


POOL: dict[str, Any] = {
    "kernel": (3, 3),
    "strides": (2, 2),
    "padding": (1, 1, 1, 1),
    "dilations": (1, 1),
    "layout": "NCHW",
    "count_include_pad": False,
    "output_size": (4, 5),
}

WINOGRAD: dict[str, Workload] = {
    "winograd_2x2": winograd(conv((1, 2, 7, 6, 4), (8, 8, 3, 3), **BLOCKED, epilogue=True), 2, 2),
    "winograd_4x4": winograd(conv((1, 2, 9, 10, 4), (12, 8, 3, 3), **BLOCKED, epilogue=True), 4, 4),
    "winograd_2x4": winograd(conv((1, 2, 7, 7, 4), (8, 8, 3, 3), **BLOCKED), 2, 4),
    "winograd_6x6": winograd(conv((1, 2, 8, 13, 4), (8, 8, 3, 3), **BLOCKED, epilogue=True), 6, 6),
    "winograd_odd_channels": winograd(conv((2, 2, 5, 7, 4), (7, 5, 3, 3), **BLOCKED), 4, 2),
    "winograd_few_channels": winograd(conv((1, 1, 5, 5, 4), (3, 3, 3, 3), **BLOCKED, epilogue=True), 2, 2),
    "winograd_batch": winograd(conv((2, 2, 6, 5, 4), (12, 8, 3, 3), padding=(0, 1, 2, 0), **BLOCKED, epilogue=True), 2, 4),
    "winograd_one_tile": winograd(conv((1, 1, 4, 4, 4), (4, 4, 3, 3), padding=(0, 0, 0, 0), **BLOCKED), 2, 2),
    "winograd_5x5": winograd(conv((1, 2, 7, 6, 4), (8, 8, 5, 5), padding=(2, 2, 2, 2), **BLOCKED, epilogue=True), 2, 4),
    "winograd_1x3": winograd(conv((1, 2, 3, 11, 4), (8, 8, 1, 3), padding=(0, 1, 0, 1), **BLOCKED, epilogue=True), 1, 4),
    "winograd_3x1": winograd(conv((2, 2, 9, 3, 4), (8, 8, 3, 1), padding=(1, 0, 1, 0), **BLOCKED), 6, 1),
    "winograd_1x7": winograd(conv((1, 2, 3, 7, 4), (8, 8, 1, 7), padding=(0, 3, 0, 3), **BLOCKED), 1, 2),
    "winograd_strided": winograd(conv((1, 2, 9, 8, 4), (8, 8, 3, 3), strides=(2, 2), **BLOCKED, epilogue=True), 2, 4),
    "winograd_strided_odd": winograd(conv((2, 2, 9, 7, 4), (7, 5, 5, 3), strides=(2, 1), padding=(2, 0, 1, 1), **BLOCKED), 2, 2),
    "winograd_plain": winograd(conv((1, 3, 9, 8), (8, 3, 3, 3), out_layout="NCHW4c", epilogue=True), 4, 2),
    "winograd_plain_strided": winograd(conv((2, 3, 11, 8), (7, 3, 5, 5), strides=(2, 2), padding=(2, 2, 2, 2), out_layout="NCHW4c"), 2, 2),
    "winograd_silu": with_silu(winograd(conv((1, 2, 6, 7, 4), (8, 8, 3, 3), **BLOCKED, epilogue=True), 2, 2)),
    "winograd_after_relu": after_relu(winograd(conv((1, 2, 6, 5, 4), (8, 8, 3, 3), **BLOCKED, epilogue=True), 4, 2)),
    "winograd_narrow": narrow(winograd(conv((1, 2, 9, 10, 4), (12, 8, 3, 3), **BLOCKED, epilogue=True), 2, 4)),
    "winograd_narrow_odd_channels": narrow(winograd(conv((2, 2, 5, 7, 4), (7, 5, 3, 3), **BLOCKED), 2, 2)),
    "winograd_narrow_plain": narrow(winograd(conv((1, 3, 9, 8), (8, 3, 3, 3), out_layout="NCHW4c", epilogue=True), 2, 2)),
    "winograd_variable_weight": winograd(conv((1, 2, 5, 6, 4), (8, 8, 3, 3), constant=False, **BLOCKED, epilogue=True), 2, 2),
}

WORKLOADS: dict[str, Workload] = {
    "conv_blocked": conv((1, 2, 7, 7, 4), (12, 8, 3, 3), **BLOCKED, epilogue=True),
    "conv_blocked_odd_channels": conv((2, 2, 5, 7, 4), (7, 5, 3, 3), **BLOCKED),
    "conv_stem": conv((1, 3, 9, 9), (8, 3, 3, 3), strides=(2, 2), out_layout="NCHW4c", epilogue=True),
    "conv_pointwise": conv((1, 3, 5, 5, 4), (8, 12, 1, 1), padding=(0, 0, 0, 0), **BLOCKED, epilogue=True),
    "conv_strided_pointwise": conv((2, 2, 5, 5, 4), (8, 8, 1, 1), strides=(2, 2), padding=(0, 0, 0, 0), **BLOCKED),
    "conv_depthwise_blocked": conv((1, 3, 7, 7, 4), (12, 1, 3, 3), groups=12, **BLOCKED, epilogue=True),
    "conv_depthwise_odd": conv((1, 2, 6, 5, 4), (7, 1, 5, 5), groups=7, padding=(2, 2, 2, 2), strides=(2, 1), **BLOCKED),
    "conv_plain": conv((2, 3, 7, 5), (5, 3, 3, 3), epilogue=True),
    "conv_plain_grouped": conv((1, 6, 5, 7), (4, 3, 3, 3), groups=2, dilations=(2, 1), padding=(2, 1, 2, 1)),
    "conv_blocked_grouped": conv((1, 4, 5, 5, 4), (16, 8, 3, 3), groups=2, **BLOCKED),
    "conv_streamed_weight": conv((1, 8, 4, 3, 4), (32, 32, 3, 3), **BLOCKED, epilogue=True),
    "conv_narrow": narrow(conv((1, 2, 7, 7, 4), (12, 8, 3, 3), **BLOCKED, epilogue=True)),
    "conv_narrow_odd_channels": narrow(conv((2, 2, 5, 7, 4), (7, 5, 3, 3), **BLOCKED)),
    "conv_narrow_stem": narrow(conv((1, 3, 9, 9), (8, 3, 3, 3), strides=(2, 2), out_layout="NCHW4c", epilogue=True)),
    "conv_narrow_streamed": narrow(conv((1, 8, 4, 3, 4), (32, 32, 3, 3), **BLOCKED, epilogue=True)),
    "conv_narrow_grouped": narrow(conv((1, 4, 5, 5, 4), (16, 8, 3, 3), groups=2, **BLOCKED)),
    "conv_narrow_variable_weight": narrow(conv((1, 2, 5, 5, 4), (8, 8, 1, 1), constant=False, padding=(0, 0, 0, 0), **BLOCKED)),
    "conv_to_plain": conv((1, 2, 5, 5, 4), (7, 8, 1, 1), padding=(0, 0, 0, 0), layout="NCHW4c", out_layout="NCHW"),
    "conv_transpose": single(
        "conv2d_transpose",
        {"strides": (2, 2), "padding": (1, 0, 0, 1), "output_padding": (0, 0), "dilations": (1, 1), "groups": 1},
        argument(1, 3, 4, 5),
        argument(3, 5, 3, 3, constant=True),
    ),
    "matmul_constant": matmul((7, 13), (13, 11)),
    "matmul_row": matmul((1, 17), (11, 17), transpose_b=True),
    "matmul_streamed": matmul((2, 56), (56, 160)),
    "matmul_narrow": narrow(matmul((7, 13), (13, 37))),
    "matmul_narrow_row": narrow(matmul((1, 17), (43, 17), transpose_b=True)),
    "matmul_narrow_streamed": narrow(matmul((2, 56), (56, 160))),
    "matmul_narrow_vector": narrow(matmul((2, 3, 9), (9, 3))),
    "matmul_narrow_variable_weight": narrow(matmul((3, 9), (9, 21), constant=False)),
    "matmul_fixed": fixed(matmul((7, 13), (13, 37))),
    "matmul_fixed_blocks": fixed(matmul((2, 131), (43, 131), transpose_b=True)),
    "matmul_fixed_streamed": fixed(matmul((1, 128), (128, 160))),
    "matmul_fixed_vector": fixed(matmul((2, 3, 70), (70, 3))),
    "matmul_fixed_variable_weight": fixed(matmul((3, 70), (70, 21), constant=False)),
    "matmul_batched": matmul((2, 3, 5, 7), (2, 1, 7, 6), constant=False),
    "matmul_transposed": matmul((5, 7), (9, 5), constant=False, transpose_a=True, transpose_b=True),
    "matmul_column": matmul((9, 11), (11, 1)),
    "max_pool": single("max_pool", POOL, argument(1, 3, 7, 9)),
    "average_pool_blocked": single("average_pool", {**POOL, "layout": "NCHW4c", "output_size": (4, 4)}, argument(1, 2, 7, 7, 4)),
    "global_pool": single("global_average_pool", {"layout": "NCHW"}, argument(2, 5, 7, 7)),
    "global_pool_blocked": single("global_average_pool", {"layout": "NCHW4c"}, argument(1, 3, 5, 5, 4)),
    "reduce_rows": single("reduce_sum", {"axes": (1,), "keepdims": False}, argument(5, 23)),
    "reduce_columns": single("reduce_max", {"axes": (0,), "keepdims": True}, argument(5, 23)),
    "reduce_all": single("reduce_sum", {"axes": (0, 1), "keepdims": False}, argument(5, 23)),
    "reduce_to_one": single("reduce_min", {"axes": (1, 2), "keepdims": False}, argument(1, 5, 19)),
    "log_sum_exp": single("reduce_log_sum_exp", {"axes": (1,), "keepdims": False}, argument(3, 2, 7)),
    "layer_norm": single(
        "layer_norm", {"axis": 1, "epsilon": 1e-5}, argument(3, 17), argument(17, constant=True), argument(17, constant=True)
    ),
    "lrn": single("lrn", {"size": 3, "alpha": 1e-2, "beta": 0.75, "bias": 1.0, "layout": "NCHW", "channels": 5}, argument(2, 5, 3, 7)),
    "argmax": single("argmax", {"axis": 1, "keepdims": False, "select_last_index": False}, argument(3, 11, 2)),
    "concat": single("concat", {"axis": 1}, argument(2, 3, 5), argument(2, 4, 5)),
    "lstm_cell": single(
        "lstm_cell",
        {"activations": ("sigmoid", "tanh", "tanh"), "clip": None},
        argument(2, 20),
        argument(2, 5),
        argument(2, 5),
        argument(20, 5, constant=True),
    ),
    "softmax": single("softmax", {"axis": 1}, argument(3, 19)),
    "softmax_channels": single("softmax", {"axis": 1}, argument(2, 5, 3, 3)),
    "elementwise": Workload(
        (argument(3, 5, 11), argument(5, 1, constant=True)),
        (GroupOp("mul", (("arg", 0), ("arg", 1))), GroupOp("sigmoid", (("op", 0),)), GroupOp("mul", (("op", 0), ("op", 1)))),
    ),
    "transpose": single("transpose", {"perm": (2, 0, 1)}, argument(3, 5, 7)),
    **WINOGRAD,
}


def rounding(workload: Workload) -> float:
    """How far a right answer may be off, of the largest output: more for transforms to many products, and for rounded weights."""
    anchor = workload.ops[workload.anchor]
    narrowed = {2: 1e-4, 3: 5e-5}.get(anchor.attributes.get("weight_bytes", 4), 0.0)
    if anchor.op != "winograd_conv2d":
        return 2e-6 + narrowed
    kernel = workload.arguments[anchor.inputs[1][1]].type.shape[2:]
    taps = [-(-extent // stride) for extent, stride in zip(kernel, anchor.attributes["strides"], strict=True)]
    products = max(size + count - 1 for size, count in zip(anchor.attributes["tile"], taps, strict=True))
    return (3e-6 if products <= 4 else 3e-5 if products <= 6 else 2e-4) + narrowed
