"""Memory plans: reuse, views, concatenations and slices in place, workspaces; and a checker that notices what is wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import VerifyError
from compiler.graph import Graph, Group, Location, MemoryPlan, Storage, check_plan, evaluate, extract_groups, optimize_graph, plan_memory
from compiler.graph.plan_memory import Block, place_blocks
from compiler.graph.separate_outputs import separate_outputs
from compiler.target import Target

AVX512 = Target.parse("llvm -mcpu=skylake-avx512 -mtriple=x86_64-linux-gnu -num-cores=2")


def _plan(graph: Graph, workspace: int = 0) -> tuple[tuple[Group, ...], MemoryPlan]:
    groups = extract_groups(graph)
    sizes = [workspace] * len(groups)
    plan = plan_memory(graph, groups, sizes)
    check_plan(graph, groups, sizes, plan)
    return groups, plan


def test_a_chain_needs_two_buffers(net: Any) -> None:
    x = net.input(1, 16, 8, 8)
    for _ in range(6):
        x = net.conv(x, 16, 3)
    _, plan = _plan(net.graph(x))
    assert plan.arena_bytes == 2 * 16 * 8 * 8 * 4
    assert plan.locations["x"] == Location(Storage.INPUT, 0)
    assert plan.locations[x] == Location(Storage.OUTPUT, 0)


def test_elementwise_kernels_write_over_what_dies(net: Any) -> None:
    y = net.op("softmax", net.input(8, 100), axis=1)
    y = net.op("softmax", net.op("relu", net.op("softmax", net.op("exp", y), axis=1)), axis=1)
    _, plan = _plan(net.graph(y))
    assert plan.arena_bytes == 2 * 3200


def test_a_value_read_later_is_not_overwritten(net: Any) -> None:
    y = net.op("softmax", net.input(8, 100), axis=1)
    z = net.op("softmax", net.op("exp", y), axis=1)
    _, plan = _plan(net.graph(net.op("softmax", net.op("sub", z, y), axis=1)))
    assert plan.arena_bytes == 3 * 3200


def test_views_cost_nothing(net: Any) -> None:
    y = net.reshape(net.conv(net.input(1, 4, 4, 4), 4, 3), 1, 64)
    groups, plan = _plan(net.graph(net.reshape(net.dense(y, 32), 4, 8)))
    assert len(groups) == 2
    assert plan.arena_bytes == 256
    assert plan.locations["reshape.1"] == Location(Storage.OUTPUT, 0)


def test_parts_of_a_concat_are_written_in_place(net: Any) -> None:
    x = net.op("exp", net.input(1, 16, 4, 4))
    first = net.op("concat", net.conv(x, 16), net.conv(x, 32, 3), axis=1)
    second = net.op("concat", first, net.conv(first, 16), axis=1)
    groups, plan = _plan(net.graph(net.conv(second, 8)))
    assert [op.op for group in groups for op in group.workload.ops] == ["exp", "conv2d", "conv2d", "conv2d", "conv2d"]
    places = [plan.locations[group.outputs[0]].offset_bytes for group in groups[1:4]]
    assert [place - places[0] for place in places] == [0, 16 * 64, 48 * 64]


def test_a_concat_that_is_an_output_is_written_in_place(net: Any) -> None:
    x = net.input(1, 16, 4, 4)
    _, plan = _plan(net.graph(net.op("concat", net.conv(x, 16), net.conv(x, 32, 3), axis=1)))
    assert plan.arena_bytes == 0
    assert plan.locations["conv2d.1"] == Location(Storage.OUTPUT, 0, 16 * 64)


@pytest.mark.parametrize("case", ["batch", "twice", "input", "output", "unaligned"])
def test_other_concats_need_a_kernel(net: Any, case: str) -> None:
    x = net.input(2 if case == "batch" else 1, 16, 3 if case == "unaligned" else 4, 4)
    a, b = net.conv(x, 3 if case == "unaligned" else 16), net.conv(x, 32, 3)
    parts = {"twice": (a, a), "input": (a, x)}.get(case, (a, b))
    y = net.conv(net.op("concat", *parts, axis=1), 8)
    groups, _ = _plan(net.graph(y, a) if case == "output" else net.graph(y))
    assert "concat" in [op.op for group in groups for op in group.workload.ops]


def test_a_part_in_two_concats_is_copied_into_one(net: Any) -> None:
    x = net.input(1, 16, 4, 4)
    a, b, c = net.conv(x, 16), net.conv(x, 16), net.conv(x, 16)
    y = net.op("add", net.conv(net.op("concat", a, b, axis=1), 8), net.conv(net.op("concat", a, c, axis=1), 8))
    groups, _ = _plan(net.graph(y))
    assert sum(op.op == "concat" for group in groups for op in group.workload.ops) == 1


def test_slices_in_one_piece_are_views(net: Any) -> None:
    x = net.conv(net.input(1, 16, 4, 4), 32)
    halves = [net.op("slice", x, starts=(0, low, 0, 0), ends=(1, low + 16, 4, 4), steps=(1,) * 4) for low in (0, 16)]
    groups, plan = _plan(net.graph(net.conv(halves[0], 8, 3), net.conv(halves[1], 8, 3)))
    assert len(groups) == 3
    assert plan.locations[halves[1]].offset_bytes == plan.locations[halves[0]].offset_bytes + 1024


def test_outputs_get_memory_of_their_own(net: Any) -> None:
    x = net.input(1, 32, 4, 4)
    y = net.conv(x, 32)
    half = net.op("slice", y, starts=(0, 0, 0, 0), ends=(1, 16, 4, 4), steps=(1,) * 4)
    constant = net.constant(4)
    graph = net.graph(y, net.reshape(y, 32, 16), net.reshape(x, 32, 16), half, constant)
    with pytest.raises(VerifyError, match="run `separate_outputs`"):
        _plan(graph)
    separate = separate_outputs(graph)
    assert separate.outputs[:4] == graph.outputs[:4]
    assert [node.op for node in separate.nodes].count("identity") == 4
    _, plan = _plan(separate)
    assert [plan.locations[name] for name in separate.outputs] == [Location(Storage.OUTPUT, index) for index in range(5)]


def test_workspaces_lie_beside_the_operands(net: Any) -> None:
    x = net.input(1, 16, 8, 8)
    for _ in range(3):
        x = net.conv(x, 16, 3)
    _, plan = _plan(net.graph(x), workspace=1000)
    assert plan.arena_bytes == 2 * 4096 + 1024


def test_a_residual_net_runs_in_its_plan(residual_net: Callable[..., Graph], run_planned: Callable[..., list[Any]]) -> None:
    graph = optimize_graph(residual_net(), AVX512)
    groups = extract_groups(graph)
    sizes = [64 * (time % 3) for time in range(len(groups))]
    plan = plan_memory(graph, groups, sizes)
    check_plan(graph, groups, sizes, plan)
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    (expected,) = evaluate(graph, {"x": x})
    np.testing.assert_array_equal(run_planned(graph, groups, sizes, plan, {"x": x})[0], expected)


@pytest.fixture
def planned(net: Any) -> tuple[Graph, tuple[Group, ...], MemoryPlan, list[str]]:
    x = net.op("softmax", net.input(8, 100), axis=1)
    y = net.op("softmax", x, axis=1)
    z = net.op("softmax", y, axis=1)
    graph = net.graph(net.op("softmax", net.op("add", z, x), axis=1))
    groups = extract_groups(graph)
    return graph, groups, plan_memory(graph, groups, [64] * len(groups)), [x, y, z]


def test_the_checker_notices_mistakes(planned: tuple[Graph, tuple[Group, ...], MemoryPlan, list[str]]) -> None:
    graph, groups, plan, (x, y, z) = planned
    sizes = [64] * len(groups)
    check_plan(graph, groups, sizes, plan)

    def moved(value: str, location: Location) -> MemoryPlan:
        return replace(plan, locations={**plan.locations, value: location})

    with pytest.raises(VerifyError, match="over its argument"):
        check_plan(graph, groups, sizes, moved(z, plan.locations[y]))
    with pytest.raises(VerifyError, match="and finds"):
        check_plan(graph, groups, sizes, moved(z, plan.locations[x]))
    with pytest.raises(VerifyError, match="is not aligned"):
        check_plan(graph, groups, sizes, moved(y, Location(Storage.ARENA, 0, 4)))
    with pytest.raises(VerifyError, match="ends outside"):
        check_plan(graph, groups, sizes, moved(y, Location(Storage.ARENA, 0, plan.arena_bytes - 64)))
    with pytest.raises(VerifyError, match="into constant"):
        check_plan(
            replace(graph, constants={"c": np.zeros((8, 100), np.float32)}, types={**graph.types, "c": graph.types[x]}),
            groups,
            sizes,
            moved(y, Location(Storage.CONSTANT, 0)),
        )
    offsets = (plan.locations[x].offset_bytes, *plan.workspace_offsets[1:])
    with pytest.raises(VerifyError, match="has its workspace over"):
        check_plan(graph, groups, sizes, replace(plan, workspace_offsets=offsets))
    with pytest.raises(VerifyError, match="ends as"):
        check_plan(graph, groups, sizes, moved(graph.outputs[0], Location(Storage.ARENA, 0, plan.locations[y].offset_bytes)))


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(0, 6)).map(lambda item: (item[0] * 64, item[1], item[1] + item[2])),
        max_size=24,
    )
)
def test_blocks_alive_together_do_not_overlap(items: list[tuple[int, int, int]]) -> None:
    blocks = [Block(str(index), *item) for index, item in enumerate(items)]
    offsets = place_blocks(blocks)
    for a in blocks:
        assert offsets[a.name] >= 0
        for b in blocks:
            together = a.name != b.name and a.start <= b.end and b.start <= a.end
            apart = offsets[a.name] + a.size_bytes <= offsets[b.name] or offsets[b.name] + b.size_bytes <= offsets[a.name]
            assert not together or apart
