"""How many kernels and layout changes typical networks need."""

from collections import Counter
from collections.abc import Callable

from compiler.graph import Graph, extract_groups, optimize_graph
from compiler.target import Target

AVX512 = Target.parse("llvm -mcpu=skylake-avx512 -mtriple=x86_64-linux-gnu -num-cores=2")


def _kernels(graph: Graph) -> Counter[str]:
    return Counter("+".join(op.op for op in group.workload.ops) for group in extract_groups(graph))


def test_a_residual_net_needs_one_kernel_per_convolution(residual_net: Callable[..., Graph], assert_same: Callable[..., None]) -> None:
    graph = residual_net()
    optimized = optimize_graph(graph, AVX512)
    assert_same(graph, optimized)
    assert _kernels(optimized) == {
        "conv2d+add+relu": 5,
        "max_pool": 1,
        "conv2d+add+add+relu": 4,
        "conv2d+add": 1,
        "global_average_pool": 1,
        "matmul+add": 1,
    }


def test_a_residual_net_with_odd_widths_changes_layouts_only_at_its_end(
    residual_net: Callable[..., Graph], assert_same: Callable[..., None]
) -> None:
    graph = residual_net(widths=(20, 36), batch=2)
    optimized = optimize_graph(graph, AVX512)
    assert_same(graph, optimized)
    assert _kernels(optimized)["layout_transform"] == 1


def test_mobile_net_v3_fuses_all_but_the_gates(mobile_net_v3: Callable[..., Graph], assert_same: Callable[..., None]) -> None:
    graph = mobile_net_v3()
    optimized = optimize_graph(graph, AVX512)
    assert_same(graph, optimized)
    assert _kernels(optimized) == {
        "conv2d+add+hard_swish": 8,
        "global_average_pool": 4,
        "conv2d+add+relu": 3,
        "conv2d+add+hard_sigmoid": 3,
        "mul": 3,
        "conv2d+add+add": 2,
        "conv2d+add": 1,
        "matmul+add": 1,
    }
