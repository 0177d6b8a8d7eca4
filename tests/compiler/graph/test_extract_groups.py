"""Fusion and extraction: which nodes share a kernel, and that equal kernels have equal workloads."""

from collections.abc import Callable
from typing import Any

import pytest

from compiler.graph import FusionOptions, Graph, choose_layouts, count_workloads, extract_groups, workload_bytes, workload_flops
from compiler.workload import Workload


def _kernels(graph: Graph, options: FusionOptions | None = None) -> list[str]:
    return ["+".join(op.op for op in group.workload.ops) for group in extract_groups(graph, options)]


def test_bias_residual_and_activation_join_a_convolution(net: Any) -> None:
    x = net.op("relu", net.input(1, 16, 8, 8))
    y = net.op("relu", net.op("add", x, net.bias(net.conv(x, 16, 3))))
    (first, second) = extract_groups(net.graph(y))
    assert str(first.workload).startswith("relu ")
    assert [op.op for op in second.workload.ops] == ["conv2d", "add", "add", "relu"]
    assert second.arguments == (x, "c", "c.1", x)[:3]
    assert [argument.constant for argument in second.workload.arguments] == [False, True, True]
    assert second.workload.ops[2].inputs == (("op", 1), ("arg", 0))
    assert second.outputs == (y,)


def test_a_residual_computed_later_delays_the_kernel(net: Any) -> None:
    x = net.input(1, 8, 6, 6)
    first = net.conv(x, 8, 3)
    late = net.op("softmax", net.op("exp", x), axis=1)
    graph = net.graph(net.op("add", first, late))
    assert _kernels(graph) == ["exp", "softmax", "conv2d+add"]


def test_the_main_path_of_a_residual_block_takes_the_addition(net: Any) -> None:
    x = net.op("relu", net.input(1, 8, 6, 6))
    main = net.bias(net.conv(net.op("relu", net.conv(x, 8, 3)), 8, 3))
    shortcut = net.bias(net.conv(x, 8))
    graph = net.graph(net.op("add", shortcut, main))
    assert _kernels(graph) == ["relu", "conv2d+relu", "conv2d+add", "conv2d+add+add"]
    last = extract_groups(graph)[-1]
    assert last.workload.arguments[1].type.shape == (8, 8, 3, 3)


def test_a_value_read_outside_ends_a_kernel(net: Any) -> None:
    y = net.bias(net.conv(net.input(1, 8, 6, 6), 8, 3))
    graph = net.graph(net.op("relu", y), net.global_pool(y))
    assert _kernels(graph) == ["conv2d+add", "relu", "global_average_pool"]


def test_a_graph_output_ends_a_kernel(net: Any) -> None:
    y = net.bias(net.conv(net.input(1, 8, 6, 6), 8, 3))
    assert _kernels(net.graph(net.op("sigmoid", y), y)) == ["conv2d+add", "sigmoid"]


def test_branches_that_meet_again_stay_in_one_kernel(net: Any) -> None:
    y = net.conv(net.input(1, 8, 6, 6), 8, 3)
    z = net.op("add", net.op("relu", y), net.op("mul", net.op("tanh", y), net.number(0.3)))
    assert _kernels(net.graph(z)) == ["conv2d+relu+tanh+mul+add"]


def test_branches_through_a_convolution_do_not(net: Any) -> None:
    y = net.op("relu", net.input(1, 8, 6, 6))
    assert _kernels(net.graph(net.op("add", net.conv(y, 8, 3), y))) == ["relu", "conv2d+add"]


def test_expressions_are_bounded(net: Any) -> None:
    x = net.input(64)
    for _ in range(12):
        x = net.op("mul", net.op("sin", x), net.op("cos", x))
    kernels = _kernels(net.graph(x))
    assert len(kernels) > 1
    assert sum(kernel.count("mul") for kernel in kernels) == 12


def test_a_smaller_operand_is_computed_ahead(net: Any) -> None:
    x = net.input(1, 8, 6, 6)
    gate = net.op("sigmoid", net.input(1, 8, 1, 1, name="gate"))
    assert _kernels(net.graph(net.op("mul", net.op("neg", x), gate))) == ["sigmoid", "neg+mul"]


def test_injective_chains(net: Any) -> None:
    x = net.op("exp", net.input(2, 3, 4))
    y = net.op("transpose", net.op("slice", x, starts=(0, 0, 1), ends=(2, 3, 3), steps=(1, 1, 1)), perm=(0, 2, 1))
    graph = net.graph(net.op("add", net.op("pad", y, mode="constant", pads=(0, 0, 1, 0, 0, 0), value=0.0), net.constant(4)))
    assert _kernels(graph) == ["exp+slice+transpose+pad+add"]
    assert extract_groups(graph)[0].workload.anchor == 3


def test_what_is_read_repeatedly_is_computed_ahead(net: Any) -> None:
    x = net.op("exp", net.input(1, 4))
    assert _kernels(net.graph(net.op("neg", net.op("expand", x, shape=(3, 4))))) == ["exp", "expand+neg"]


def test_opaque_nodes_stand_alone(net: Any) -> None:
    y = net.op("relu", net.op("softmax", net.op("exp", net.input(3, 5)), axis=1))
    assert _kernels(net.graph(y)) == ["exp", "softmax", "relu"]


def test_prologues_of_reductions_by_choice(net: Any) -> None:
    graph = net.graph(net.conv(net.op("relu", net.batch_norm(net.global_pool(net.op("exp", net.input(1, 8, 4, 4))))), 8))
    assert _kernels(graph) == ["exp", "global_average_pool+batch_norm+relu", "conv2d"]
    assert _kernels(graph, FusionOptions(reduction_prologues=True)) == ["exp+global_average_pool+batch_norm+relu", "conv2d"]


def test_prologues_of_convolutions_by_choice(net: Any) -> None:
    graph = net.graph(net.conv(net.op("relu", net.input(1, 8, 4, 4)), 8))
    assert _kernels(graph) == ["relu", "conv2d"]
    assert _kernels(graph, FusionOptions(anchor_prologues=True)) == ["relu+conv2d"]
    assert extract_groups(graph, FusionOptions(anchor_prologues=True))[0].workload.anchor == 1


def test_a_comparison_does_not_join_a_convolution(net: Any) -> None:
    y = net.conv(net.input(1, 8, 6, 6), 8, 3)
    assert _kernels(net.graph(net.op("greater", y, net.number(0)))) == ["conv2d", "greater"]


def test_operand_order_and_names_do_not_matter(new_net: Callable[[int], Any]) -> None:
    def build(seed: int, swapped: bool) -> Workload:
        net = new_net(seed)
        x, other = net.input(1, 16, 8, 8), net.input(1, 16, 8, 8, name="residual" if swapped else "other")
        y = net.conv(x, 16, 3)
        y = net.op("add", other, y) if swapped else net.op("add", y, other)
        (group,) = extract_groups(net.graph(net.op("relu", y)))
        workload: Workload = group.workload
        return workload

    assert build(1, False) == build(2, True)
    assert Workload.from_json(build(1, False).to_json()) == build(1, True)


@pytest.mark.parametrize(
    ("shapes", "collapsed"),
    [
        ([(1, 4, 6, 6), (1, 4, 6, 6)], [(144,), (144,)]),
        ([(1, 4, 6, 6), (4, 1, 1)], [(4, 36), (4, 1)]),
        ([(2, 4, 6, 6), (1, 4, 1, 1)], [(2, 4, 36), (1, 4, 1)]),
        ([(1, 2, 6, 6, 16), (1, 2, 1, 1, 16)], [(2, 36, 16), (2, 1, 16)]),
        ([(3, 1, 5), (1, 4, 5)], [(3, 1, 5), (1, 4, 5)]),
        ([(2, 3), ()], [(6,), ()]),
        ([(2, 3), (1, 1)], [(6,), ()]),
        ([(1, 1), (1,)], [(1,), (1,)]),
    ],
)
def test_elementwise_kernels_have_few_axes(net: Any, shapes: list[tuple[int, ...]], collapsed: list[tuple[int, ...]]) -> None:
    values = [net.input(*shape, name=f"x{position}") for position, shape in enumerate(shapes)]
    (group,) = extract_groups(net.graph(net.op("relu", net.op("sub", *values))))
    assert [argument.type.shape for argument in group.workload.arguments] == collapsed


def test_equal_kernels_share_a_workload(residual_net: Callable[..., Graph]) -> None:
    groups = extract_groups(choose_layouts(residual_net(), 16))
    counts = count_workloads(groups)
    assert sum(counts.values()) == len(groups)
    assert len(counts) < len(groups)
    assert extract_groups(choose_layouts(residual_net(), 16)) == groups


def test_the_cost_of_a_convolution_leaves_padding_lanes_out(net: Any) -> None:
    graph = net.graph(net.bias(net.conv(net.conv(net.input(2, 20, 8, 8), 20), 24, 3, 2)))
    last = extract_groups(choose_layouts(graph, 16))[-2].workload
    assert [op.op for op in last.ops] == ["conv2d", "add"]
    assert workload_flops(last) == 2 * (2 * 24 * 4 * 4 * 20 * 9) + 2 * 32 * 4 * 4
    assert workload_bytes(last) == 4 * (2 * 32 * 8 * 8 + 24 * 20 * 9 + 32 + 2 * 32 * 4 * 4)


def _matmul(net: Any) -> str:
    return str(net.op("matmul", net.input(5, 3), net.constant(5, 7), transpose_a=True, transpose_b=False))


def _transposed(net: Any) -> str:
    rest = {"padding": (0, 0, 0, 0), "output_padding": (0, 0), "dilations": (1, 1), "groups": 1}
    return str(net.op("conv2d_transpose", net.input(2, 20, 8, 8), net.constant(20, 6, 2, 2), strides=(2, 2), **rest))


@pytest.mark.parametrize(
    ("build", "flops"),
    [
        (_matmul, 2 * 3 * 5 * 7),
        (_transposed, 2 * (2 * 20 * 8 * 8 * 6 * 4)),
        (lambda net: net.max_pool(net.input(2, 20, 8, 8), 3, 2, 1), 2 * 20 * 4 * 4 * 9),
        (lambda net: net.global_pool(net.input(2, 20, 8, 8)), 2 * 20 * 8 * 8),
        (lambda net: net.op("tanh", net.op("neg", net.input(2, 20))), 2 * 40),
    ],
)
def test_costs(net: Any, build: Callable[[Any], str], flops: int) -> None:
    (group,) = extract_groups(net.graph(build(net)))
    assert workload_flops(group.workload) == flops
