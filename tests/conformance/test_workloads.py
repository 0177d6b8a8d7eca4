"""The workloads of `tests/schedule_space` by machine code, and workloads large enough for every loop of their templates."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.workload import GroupOp, Workload
from schedule_space import space_for
from tests.conformance.native_check import NativeChecker, all_variants, chosen_variant, reference, some_variant, targets
from tests.schedule_space.workloads import (
    POOL,
    WORKLOADS,
    after_relu,
    argument,
    conv,
    matmul,
    rounding,
    single,
    winograd,
    with_silu,
)

Array = NDArray[Any]

BLOCKED = {"layout": "NCHW16c", "out_layout": "NCHW16c"}
EIGHTS = {"layout": "NCHW8c", "out_layout": "NCHW8c"}
POOL_3D = {"kernel": (2, 3, 2), "strides": (1, 2, 1), "padding": (1, 0, 1, 0, 1, 0), "dilations": (1, 1, 2), "output_size": (5, 4, 20)}


def chain(shape: tuple[int, ...], *ops: str) -> Workload:
    """Elementwise operators of one variable, one after the other."""
    return Workload((argument(*shape),), tuple(GroupOp(op, (("op", at - 1) if at else ("arg", 0),), {}) for at, op in enumerate(ops)))


LARGER: Mapping[str, Workload] = {
    "conv_blocked_16": conv((1, 2, 13, 15, 16), (48, 32, 3, 3), epilogue=True, **BLOCKED),
    "conv_blocked_16_odd": conv((2, 2, 9, 7, 16), (37, 29, 3, 3), strides=(2, 1), padding=(1, 0, 2, 1), epilogue=True, **BLOCKED),
    "conv_blocked_16_pointwise": conv((1, 3, 11, 11, 16), (70, 48, 1, 1), padding=(0, 0, 0, 0), epilogue=True, **BLOCKED),
    "conv_blocked_16_grouped": conv((1, 4, 8, 9, 16), (64, 32, 3, 3), groups=2, **BLOCKED),
    "conv_blocked_8": conv((1, 5, 12, 9, 8), (40, 40, 3, 3), dilations=(2, 1), padding=(2, 1, 2, 1), epilogue=True, **EIGHTS),
    "conv_depthwise_16": conv((1, 3, 19, 17, 16), (48, 1, 3, 3), groups=48, strides=(2, 2), epilogue=True, **BLOCKED),
    "conv_depthwise_16_wide": conv((2, 2, 11, 40, 16), (23, 1, 5, 5), groups=23, padding=(2, 2, 2, 2), **BLOCKED),
    "conv_stem_16": conv((1, 3, 33, 31), (32, 3, 7, 7), strides=(2, 2), padding=(3, 3, 3, 3), out_layout="NCHW16c", epilogue=True),
    "conv_plain_wide": conv((1, 5, 9, 67), (6, 5, 3, 3), epilogue=True),
    "conv_to_plain_16": conv((1, 2, 9, 17, 16), (5, 23, 3, 3), layout="NCHW16c"),
    "conv_transpose_wide": single(
        "conv2d_transpose",
        {"strides": (2, 2), "padding": (1, 1, 1, 1), "output_padding": (1, 0), "dilations": (1, 1), "groups": 1},
        argument(1, 8, 7, 35), argument(8, 6, 4, 4, constant=True),
    ),
    "conv_transpose_dilated": single(
        "conv2d_transpose",
        {"strides": (2, 1), "padding": (1, 2, 1, 0), "output_padding": (0, 0), "dilations": (2, 3), "groups": 2},
        argument(1, 4, 5, 19), argument(4, 3, 3, 2, constant=True),
    ),
    "matmul_square": matmul((67, 71), (71, 83)),
    "matmul_tall": matmul((131, 33), (33, 17), constant=False),
    "matmul_wide": matmul((3, 40), (40, 517)),
    "matmul_transposed_wide": matmul((4, 129), (259, 129), transpose_b=True),
    "matmul_dense": matmul((1, 300), (131, 300), transpose_b=True),
    "matmul_vector": matmul((1, 517), (517, 67)),
    "matmul_columns": matmul((133, 70), (70, 3)),
    "matmul_long_sum": matmul((5, 2051), (2051, 21), constant=False),
    "matmul_batches": matmul((6, 33, 17), (6, 17, 35), constant=False),
    "max_pool_wide": single("max_pool", {**POOL, "output_size": (9, 34)}, argument(1, 5, 17, 67)),
    "max_pool_blocked_16": single("max_pool", {**POOL, "layout": "NCHW16c", "output_size": (9, 17)}, argument(2, 3, 17, 33, 16)),
    "average_pool_blocked_16": single(
        "average_pool", {**POOL, "layout": "NCHW16c", "count_include_pad": True, "output_size": (9, 17)}, argument(1, 3, 17, 33, 16)
    ),
    "average_pool_3d": single(
        "average_pool",
        {**POOL, **POOL_3D}, argument(1, 3, 5, 7, 21),
    ),
    "global_pool_wide": single("global_average_pool", {"layout": "NCHW"}, argument(1, 70, 13, 13)),
    "global_pool_blocked_16": single("global_max_pool", {"layout": "NCHW16c"}, argument(1, 9, 13, 13, 16)),
    "reduce_long_rows": single("reduce_sum", {"axes": (1,), "keepdims": False}, argument(7, 2051)),
    "reduce_long_columns": single("reduce_mean", {"axes": (0,), "keepdims": True}, argument(301, 67)),
    "reduce_middle": single("reduce_max", {"axes": (1,), "keepdims": False}, argument(5, 37, 67)),
    "reduce_outside": single("reduce_sum", {"axes": (0, 2), "keepdims": True}, argument(5, 67, 37)),
    "reduce_everything": single("reduce_l2", {"axes": (0, 1, 2), "keepdims": False}, argument(7, 33, 65)),
    "argmax_rows": single("argmax", {"axis": 1, "keepdims": False, "select_last_index": False}, argument(37, 301)),
    "argmin_columns": single("argmin", {"axis": 0, "keepdims": True, "select_last_index": True}, argument(37, 301)),
    "softmax_rows": single("softmax", {"axis": 1}, argument(67, 131)),
    "softmax_long_row": single("softmax", {"axis": 0}, argument(2053)),
    "softmax_columns": single("log_softmax", {"axis": 1}, argument(3, 21, 67)),
    "softmax_rows_too_long_for_scratch": single("softmax", {"axis": 1}, argument(2, 40001)),
    "layer_norm_rows": single("layer_norm", {"axis": 1, "epsilon": 1e-5}, argument(67, 131), argument(131, constant=True)),
    "layer_norm_everything": single("layer_norm", {"axis": 0, "epsilon": 1e-5}, argument(7, 131), argument(7, 131), argument(7, 131)),
    "instance_norm_16": single(
        "instance_norm", {"epsilon": 1e-5, "layout": "NCHW16c"}, argument(2, 3, 9, 11, 16), argument(37, constant=True), argument(37)
    ),
    "group_norm_wide": single("group_norm", {"groups": 3, "epsilon": 1e-5}, argument(2, 12, 7, 37), argument(12), argument(12)),
    "lrn_wide": single(
        "lrn", {"size": 5, "alpha": 1e-2, "beta": 0.75, "bias": 1.0, "layout": "NCHW", "channels": 19}, argument(1, 19, 9, 37)
    ),
    "lrn_blocked_16": single(
        "lrn", {"size": 5, "alpha": 1e-2, "beta": 0.75, "bias": 1.0, "layout": "NCHW16c", "channels": 37}, argument(1, 3, 9, 37, 16)
    ),
    "cumsum_rows": single("cumsum", {"axis": 1, "exclusive": False, "reverse": True}, argument(37, 301)),
    "elementwise_long": chain((3, 41, 101), "neg", "sigmoid", "abs", "sqrt"),
    "elementwise_vector": chain((10007,), "tanh", "exp"),
    "elementwise_column": chain((10007, 1), "erf", "cos"),
    "broadcast_wide": Workload(
        (argument(1, 37, 1, 67), argument(3, 1, 5, 1), argument(67, constant=True)),
        (GroupOp("sub", (("arg", 0), ("arg", 1))), GroupOp("div", (("op", 0), ("arg", 2)))),
    ),
    "transpose_wide": single("transpose", {"perm": (2, 0, 1)}, argument(13, 37, 67)),
    "transpose_matrix": single("transpose", {"perm": (1, 0)}, argument(131, 67)),
    "to_blocked": single("layout_transform", {"source": "NCHW", "destination": "NCHW16c", "channels": 37}, argument(1, 37, 9, 35)),
    "to_plain": single("layout_transform", {"source": "NCHW16c", "destination": "NCHW", "channels": 37}, argument(2, 3, 9, 35, 16)),
    "concat_wide": single("concat", {"axis": 1}, argument(5, 13, 67), argument(5, 1, 67), argument(5, 40, 67)),
    "concat_rows": single("concat", {"axis": 2}, argument(5, 13, 67), argument(5, 13, 3), argument(5, 13, 131)),
    "slice_strided": single("slice", {"starts": (9, 1), "ends": (-1, 301), "steps": (-2, 3)}, argument(10, 301)),
    "pad_wide": single("pad", {"mode": "reflect", "pads": (3, 20, 2, 37), "value": 0.0}, argument(9, 131)),
    "tile_wide": single("tile", {"repeats": (3, 2)}, argument(13, 67)),
    "lstm_cell_wide": single(
        "lstm_cell", {"activations": ("sigmoid", "tanh", "tanh"), "clip": None},
        argument(3, 4 * 67), argument(3, 67), argument(3, 67), argument(4 * 67, 67, constant=True),
    ),
    "gru_cell_wide": single(
        "gru_cell", {"activations": ("sigmoid", "tanh"), "clip": None, "linear_before_reset": True},
        argument(3, 3 * 67), argument(3, 67), argument(3 * 67, 67, constant=True), argument(3 * 67, constant=True),
    ),
    "winograd_2x2_16": winograd(conv((2, 2, 9, 7, 16), (37, 29, 3, 3), padding=(1, 0, 2, 1), epilogue=True, **BLOCKED), 2, 2),
    "winograd_4x4_16": winograd(conv((1, 3, 13, 15, 16), (64, 48, 3, 3), epilogue=True, **BLOCKED), 4, 4),
    "winograd_2x4_16": winograd(conv((1, 4, 7, 7, 16), (96, 64, 3, 3), epilogue=True, **BLOCKED), 2, 4),
    "winograd_6x6_16": winograd(conv((1, 2, 19, 14, 16), (32, 32, 3, 3), epilogue=True, **BLOCKED), 6, 6),
    "winograd_4x4_8": winograd(conv((1, 5, 12, 9, 8), (40, 40, 3, 3), epilogue=True, **EIGHTS), 4, 4),
    "winograd_5x5_16": winograd(conv((1, 2, 14, 13, 16), (48, 24, 5, 5), padding=(2, 2, 2, 2), epilogue=True, **BLOCKED), 4, 2),
    "winograd_1x7_16": winograd(conv((1, 2, 9, 17, 16), (32, 32, 1, 7), padding=(0, 3, 0, 3), epilogue=True, **BLOCKED), 1, 2),
    "winograd_3x1_16": winograd(conv((2, 2, 17, 5, 16), (32, 20, 3, 1), padding=(1, 0, 1, 0), **BLOCKED), 6, 1),
    "winograd_strided_16": winograd(conv((1, 2, 17, 15, 16), (48, 32, 3, 3), strides=(2, 2), epilogue=True, **BLOCKED), 4, 4),
    "winograd_strided_5x5_8": winograd(
        conv((1, 3, 13, 18, 8), (24, 21, 5, 5), strides=(2, 2), padding=(2, 2, 2, 2), epilogue=True, **EIGHTS), 2, 4
    ),
    "winograd_plain_16": winograd(conv((1, 3, 19, 35), (32, 3, 3, 3), out_layout="NCHW16c", epilogue=True), 4, 4),
    "winograd_plain_stem_16": winograd(
        conv((1, 3, 33, 31), (32, 3, 7, 7), strides=(2, 2), padding=(3, 3, 3, 3), out_layout="NCHW16c", epilogue=True), 2, 4
    ),
    "winograd_silu_16": with_silu(winograd(conv((1, 2, 10, 9, 16), (32, 32, 3, 3), epilogue=True, **BLOCKED), 2, 4)),
    "winograd_after_relu_8": after_relu(winograd(conv((2, 3, 8, 7, 8), (16, 24, 3, 3), epilogue=True, **EIGHTS), 4, 2)),
    "winograd_variable_weight_16": winograd(conv((1, 2, 8, 9, 16), (32, 32, 3, 3), constant=False, **BLOCKED), 4, 4),
    "conv_streamed_weight_16": conv((1, 6, 7, 5, 16), (96, 96, 3, 3), epilogue=True, **BLOCKED),
    "matmul_streamed_wide": matmul((5, 131), (131, 259)),
}  # fmt: skip

ALL = {**WORKLOADS, **LARGER}
TRANSFORMED = {name: workload for name, workload in ALL.items() if name.startswith("winograd")}
MUCH_SCRATCH_BYTES = 2 << 20
VARIANTS = 5  # of the 24 that take turns


def arguments_of(workload: Workload) -> list[Array]:
    rng = np.random.default_rng(7)
    return [rng.standard_normal(argument.type.shape).astype(argument.type.dtype) for argument in workload.arguments]


@pytest.mark.parametrize("name", ALL)
def test_some_schedules(name: str, checker: NativeChecker) -> None:
    arguments = arguments_of(ALL[name])
    first = VARIANTS * list(ALL).index(name)
    variants = [variant for turn in range(first, first + VARIANTS) for variant in some_variant(ALL[name], turn)]
    checker.check(ALL[name], arguments, reference(ALL[name], arguments), variants, absolute=rounding(ALL[name]))


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transforms_shared_by_threads(name: str, checker: NativeChecker) -> None:
    """The input is transformed ahead of all products, by as many threads as there are, or by more than there is work for."""
    workload, arguments = TRANSFORMED[name], arguments_of(TRANSFORMED[name])
    turn = list(TRANSFORMED).index(name)
    names = list(targets())
    variants = [
        chosen_variant(workload, names[(turn + threads + shift) % len(names)], threads, {"place": "root", "outer": outer})
        for threads in (2, 3)
        for shift, outer in enumerate(("p", "oc"))
    ]
    checker.check(workload, arguments, reference(workload, arguments), variants, absolute=rounding(workload))


@pytest.mark.parametrize("name", ["winograd_4x4_16", "winograd_variable_weight_16", "conv_streamed_weight_16", "matmul_streamed_wide"])
def test_prefetch_past_the_end(name: str, checker: NativeChecker) -> None:
    """What is asked for far behind the last weight is no access: nothing lies there."""
    workload, arguments = ALL[name], arguments_of(ALL[name])
    variants = [chosen_variant(workload, target, 2, {"prefetch": ahead}) for target in targets() for ahead in (2048, 16384)]
    checker.check(workload, arguments, reference(workload, arguments), variants, absolute=rounding(workload))


def test_megabytes_of_scratch_on_the_stack_of_each_thread(checker: NativeChecker) -> None:
    workload = winograd(conv((1, 4, 74, 70, 16), (64, 64, 3, 3), **BLOCKED), 4, 4)
    arguments = arguments_of(workload)
    space = space_for(workload, targets()["host"], 2)
    variants = [
        chosen_variant(workload, "host", 2, {"place": "chunk"}, lambda each: space.describe(each)["scratch_bytes"] > MUCH_SCRATCH_BYTES)
    ]
    checker.check(workload, arguments, reference(workload, arguments), variants, absolute=rounding(workload))


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_many_schedules(name: str, checker: NativeChecker) -> None:
    arguments = arguments_of(ALL[name])
    variants = all_variants(ALL[name], draws=6)
    checker.check(ALL[name], arguments, reference(ALL[name], arguments), variants, absolute=rounding(ALL[name]))
