"""Layouts: what becomes blocked, where values change, and that all of it computes the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.graph import Graph, choose_layouts, evaluate_all

Check = Callable[..., None]
Ops = Callable[[Graph], list[str]]


def _changes(graph: Graph) -> int:
    return sum(node.op == "layout_transform" for node in graph.nodes)


def test_nothing_changes_without_convolutions(net: Any) -> None:
    graph = net.graph(net.op("relu", net.max_pool(net.input(1, 32, 8, 8), 3, 2)))
    assert choose_layouts(graph, 16) is graph


def test_the_first_convolution_reads_plain_data(net: Any, assert_same: Check) -> None:
    before = net.graph(net.global_pool(net.op("relu", net.conv(net.input(1, 3, 16, 16), 32, 3))))
    after = choose_layouts(before, 16)
    (conv,) = [node for node in after.nodes if node.op == "conv2d"]
    assert (conv.attributes["layout"], conv.attributes["out_layout"]) == ("NCHW", "NCHW16c")
    assert after.types[conv.inputs[1]].shape == (32, 3, 3, 3)
    assert _changes(after) == 0
    assert_same(before, after)


@pytest.mark.parametrize("block", [4, 8, 16])
@pytest.mark.parametrize("channels", [(32, 64), (20, 12), (7, 33)])
def test_a_chain_changes_once_on_each_side(net: Any, block: int, channels: tuple[int, int], assert_same: Check) -> None:
    x = net.input(2, 64, 9, 7)
    for width in (*channels, *channels):
        x = net.op("relu", net.bias(net.conv(x, width, 3)))
    before = net.graph(net.op("softmax", x, axis=1))
    after = choose_layouts(before, block)
    assert _changes(after) == 2
    assert_same(before, after)


def test_constants_per_channel_are_packed_with_zeros(net: Any, assert_same: Check) -> None:
    x = net.op("prelu", net.bias(net.conv(net.input(1, 32, 6, 6), 20, 3)), net.constant(20, 1, 1))
    before = net.graph(net.op("add", x, net.constant(1, 20, 6, 6)))
    after = choose_layouts(before, 16)
    packed = [array for array in after.constants.values() if array.ndim == 5]
    assert sorted(array.shape for array in packed) == [(1, 2, 1, 1, 16), (1, 2, 1, 1, 16), (1, 2, 6, 6, 16)]
    assert all((array[:, 1, ..., 4:] == 0).all() for array in packed)
    assert_same(before, after)


def test_padding_lanes_stay_finite(mobile_net_v3: Callable[..., Graph]) -> None:
    after = choose_layouts(mobile_net_v3(channels=(12, 20, 20)), 16)
    x = np.random.default_rng(0).standard_normal(after.types["x"].shape).astype(np.float32)
    values = evaluate_all(after, {"x": x})
    assert any(array.ndim == 5 for array in values.values())
    assert all(np.isfinite(array).all() for array in values.values())


@pytest.mark.parametrize("op", ["exp", "sqrt", "log", "reciprocal"])
def test_operators_that_could_make_infinities_run_plain(net: Any, op: str, assert_same: Check) -> None:
    x = net.op("add", net.op("abs", net.conv(net.input(1, 32, 6, 6), 20, 3)), net.number(1))
    before = net.graph(net.conv(net.op(op, x), 16, 3))
    after = choose_layouts(before, 16)
    (node,) = [node for node in after.nodes if node.op == op]
    assert len(after.types[node.outputs[0]].shape) == 4
    assert_same(before, after)


def test_squeeze_excite_stays_blocked(net: Any, assert_same: Check) -> None:
    x = net.conv(net.input(1, 3, 12, 12), 24, 3)
    gate = net.op("relu", net.conv(net.global_pool(x), 6))
    gate = net.op("hard_sigmoid", net.conv(gate, 24), alpha=0.2, beta=0.5)
    before = net.graph(net.global_pool(net.conv(net.op("mul", x, gate), 32)))
    after = choose_layouts(before, 16)
    assert _changes(after) == 0
    assert_same(before, after)


def test_dense_squeeze_excite_needs_views_only(net: Any, assert_same: Check) -> None:
    x = net.conv(net.input(1, 3, 12, 12), 32, 3)
    gate = net.op("sigmoid", net.dense(net.op("relu", net.dense(net.reshape(net.global_pool(x), 1, 32), 8)), 32))
    before = net.graph(net.global_pool(net.conv(net.op("mul", x, net.reshape(gate, 1, 32, 1, 1)), 32)))
    after = choose_layouts(before, 16)
    assert _changes(after) == 0
    assert_same(before, after)


def test_a_map_for_all_channels_is_seen_with_one_lane(net: Any, assert_same: Check) -> None:
    x = net.conv(net.input(1, 32, 8, 8), 32, 3)
    attention = net.op("sigmoid", net.op("reduce_mean", x, axes=(1,), keepdims=True))
    y = net.op("add", net.op("mul", attention, x), net.constant(1, 1, 8, 8))
    before = net.graph(net.global_pool(net.conv(y, 32, 3)))
    after = choose_layouts(before, 16)
    (product,) = [node for node in after.nodes if node.op == "mul"]
    assert sorted(after.types[value].shape for value in product.inputs) == [(1, 1, 8, 8, 1), (1, 2, 8, 8, 16)]
    assert_same(before, after)


@pytest.mark.parametrize(("widths", "changes"), [((32, 16), 0), ((32, 20), 3)])
def test_concat_of_whole_blocks_stays_blocked(net: Any, widths: tuple[int, int], changes: int, assert_same: Check) -> None:
    x = net.conv(net.input(1, 3, 8, 8), 32, 3)
    parts = net.op("concat", *(net.op("relu", net.conv(x, width)) for width in widths), axis=1)
    before = net.graph(net.global_pool(net.conv(parts, 32, 3)))
    after = choose_layouts(before, 16)
    assert _changes(after) == changes
    assert_same(before, after)


def test_slices_pads_and_resizes_stay_blocked(net: Any, assert_same: Check) -> None:
    x = net.conv(net.input(1, 3, 8, 8), 40, 3)
    x = net.op("slice", x, starts=(0, 16, 1, 0), ends=(1, 40, 8, 8), steps=(1, 1, 1, 2))
    x = net.op("pad", x, mode="reflect", pads=(0, 0, 1, 0, 0, 0, 0, 1), value=0.0)
    attributes = {"coordinate_transformation": "half_pixel", "nearest_mode": "floor", "cubic_coeff_a": -0.75, "exclude_outside": False}
    attributes |= {"extrapolation_value": 0.0, "roi": (), "sizes": (1, 24, 16, 10), "scales": (1.0, 1.0, 2.0, 2.0)}
    x = net.op("resize", x, mode="linear", **attributes)
    x = net.op("lrn", x, size=3, alpha=0.1, beta=0.75, bias=1.0, layout="NCHW", channels=24)
    before = net.graph(net.global_pool(net.conv(x, 32, 3)))
    after = choose_layouts(before, 16)
    assert _changes(after) == 0
    assert_same(before, after)


@pytest.mark.parametrize(("groups", "channels", "blocked"), [(2, 32, True), (4, 32, False), (32, 32, True)])
def test_grouped_convolutions(net: Any, groups: int, channels: int, blocked: bool, assert_same: Check) -> None:
    x = net.conv(net.input(1, 3, 8, 8), channels, 3)
    before = net.graph(net.global_pool(net.conv(x, channels, 3, groups=groups)))
    after = choose_layouts(before, 16)
    layouts = [node.attributes["layout"] for node in after.nodes if node.op == "conv2d"]
    assert layouts == ["NCHW", "NCHW16c" if blocked else "NCHW"]
    assert_same(before, after)


def test_a_convolution_to_one_channel_between_plain_values_stays_plain(net: Any, assert_same: Check) -> None:
    before = net.graph(net.conv(net.input(1, 1, 4, 500), 1, 3))
    after = choose_layouts(before, 16)
    assert [node.attributes["out_layout"] for node in after.nodes] == ["NCHW"]
    assert_same(before, after)


def test_a_value_read_by_many_changes_once(net: Any, assert_same: Check) -> None:
    x = net.conv(net.input(1, 3, 8, 8), 32, 3)
    turned = [net.op("transpose", x, perm=perm) for perm in ((0, 2, 3, 1), (0, 3, 2, 1), (0, 1, 3, 2))]
    before = net.graph(*turned, net.conv(x, 16, 3), x)
    after = choose_layouts(before, 16)
    assert _changes(after) == 2
    assert_same(before, after)


def test_outputs_keep_their_names(net: Any, assert_same: Check) -> None:
    x = net.op("relu", net.conv(net.input(1, 3, 8, 8), 32, 3))
    y = net.conv(x, 32, 3)
    before = net.graph(x, y, net.global_pool(y))
    assert_same(before, choose_layouts(before, 16))
