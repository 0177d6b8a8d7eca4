"""Each simplifying pass: what it makes of its pattern, and that the result computes the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.graph import Graph
from compiler.graph.absorb_padding import absorb_padding
from compiler.graph.arrange_concats import arrange_concats, nest_concats
from compiler.graph.fold_batch_norms import fold_batch_norms
from compiler.graph.fold_constants import fold_constants
from compiler.graph.merge_common_subexpressions import merge_common_subexpressions
from compiler.graph.merge_views import merge_views
from compiler.graph.recognise_activations import recognise_activations
from compiler.graph.remove_dead_nodes import remove_dead_nodes
from compiler.graph.remove_identities import remove_identities
from compiler.graph.simplify_arithmetic import simplify_arithmetic
from compiler.graph.simplify_pools import simplify_pools
from compiler.graph.sink_reshapes import sink_reshapes

Check = Callable[..., None]
Ops = Callable[[Graph], list[str]]


def test_dead_nodes_and_constants_go_inputs_stay(net: Any, ops_of: Ops) -> None:
    x, unused = net.input(2, 3), net.input(4, name="unused")
    net.op("exp", net.op("add", unused, net.constant(4)))
    graph = remove_dead_nodes(net.graph(net.op("relu", x)))
    assert ops_of(graph) == ["relu"]
    assert graph.constants == {}
    assert graph.inputs == ("x", "unused")


def test_constants_are_folded_through_chains(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(2, 3)
    scale = net.op("sqrt", net.op("add", net.constant(3, positive=True), net.number(1)))
    before = net.graph(net.op("mul", x, scale))
    after = fold_constants(before)
    assert ops_of(after) == ["mul"]
    assert_same(before, after)


def test_a_large_broadcast_is_not_folded(net: Any, ops_of: Ops) -> None:
    net.input(1)
    wide = net.op("expand", net.constant(1, 1), shape=(512, 512))
    assert ops_of(fold_constants(net.graph(net.op("neg", wide)))) == ["expand", "neg"]


def test_constant_graph_outputs_keep_their_names(net: Any, assert_same: Check) -> None:
    net.input(1)
    before = net.graph(net.op("neg", net.constant(4)))
    after = fold_constants(before)
    assert_same(before, after)


@pytest.mark.parametrize("groups", [1, 2])
def test_batch_norm_goes_into_a_convolution(net: Any, groups: int, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(2, 6, 7, 5)
    before = net.graph(net.batch_norm(net.conv(x, 8, 3, groups=groups)))
    after = fold_batch_norms(before)
    assert ops_of(after) == ["conv2d", "add"]
    assert_same(before, after)


def test_batch_norm_after_a_bias(net: Any, ops_of: Ops, assert_same: Check) -> None:
    before = net.graph(net.batch_norm(net.bias(net.conv(net.input(1, 3, 6, 6), 8, 3))))
    after = simplify_arithmetic(fold_batch_norms(before))
    assert ops_of(after) == ["conv2d", "add"]
    assert_same(before, after)


@pytest.mark.parametrize("groups", [1, 2])
def test_batch_norm_goes_into_a_transposed_convolution(net: Any, groups: int, ops_of: Ops, assert_same: Check) -> None:
    weight = net.constant(4, 6 // groups, 2, 2)
    rest = {"padding": (0, 0, 0, 0), "output_padding": (0, 0), "dilations": (1, 1)}
    y = net.op("conv2d_transpose", net.input(1, 4, 5, 5), weight, strides=(2, 2), groups=groups, **rest)
    before = net.graph(net.batch_norm(y))
    after = fold_batch_norms(before)
    assert ops_of(after) == ["conv2d_transpose", "add"]
    assert_same(before, after)


@pytest.mark.parametrize("transpose_b", [False, True])
def test_scale_goes_into_a_matmul(net: Any, transpose_b: bool, ops_of: Ops, assert_same: Check) -> None:
    weight = net.constant(5, 7) if transpose_b else net.constant(7, 5)
    y = net.op("matmul", net.input(3, 7), weight, transpose_a=False, transpose_b=transpose_b)
    before = net.graph(net.op("mul", net.constant(5), net.op("add", y, net.constant(5))))
    after = fold_batch_norms(before)
    assert ops_of(after) == ["matmul", "add"]
    assert_same(before, after)


def test_a_shared_convolution_keeps_its_weights(net: Any, ops_of: Ops, assert_same: Check) -> None:
    y = net.conv(net.input(1, 3, 6, 6), 4)
    before = net.graph(net.batch_norm(y), net.op("relu", y))
    after = fold_batch_norms(before)
    assert ops_of(after) == ["conv2d", "mul", "add", "relu"]
    assert_same(before, after)


def test_batch_norm_alone_becomes_multiply_and_add(net: Any, ops_of: Ops, assert_same: Check) -> None:
    before = net.graph(net.batch_norm(net.input(2, 5, 4, 3)))
    after = fold_batch_norms(before)
    assert ops_of(after) == ["mul", "add"]
    assert_same(before, after)


def test_a_factor_per_row_stays(net: Any, ops_of: Ops) -> None:
    y = net.op("mul", net.conv(net.input(1, 3, 4, 4), 4), net.constant(4, 1))
    assert ops_of(fold_batch_norms(net.graph(y))) == ["conv2d", "mul"]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda n, x: n.op("sub", x, n.constant(4)), ["add"]),
        (lambda n, x: n.op("div", x, n.number(3)), ["mul"]),
        (lambda n, x: n.op("div", x, n.number(0)), ["div"]),
        (lambda n, x: n.op("add", n.number(2), n.op("add", x, n.constant(4))), ["add"]),
        (lambda n, x: n.op("mul", n.op("div", x, n.number(2)), n.number(3)), ["mul"]),
        (lambda n, x: n.op("pow", x, n.number(2)), ["mul"]),
        (lambda n, x: n.op("pow", x, n.number(3)), ["mul", "mul"]),
        (lambda n, x: n.op("pow", n.op("abs", x), n.number(0.5)), ["abs", "sqrt"]),
        (lambda n, x: n.op("maximum", x, n.number(0)), ["relu"]),
        (lambda n, x: n.op("minimum", n.op("maximum", n.number(-1), x), n.number(2)), ["clip"]),
        (lambda n, x: n.op("minimum", n.op("relu", x), n.number(6)), ["clip"]),
        (lambda n, x: n.op("relu", n.op("clip", x, min=-3.0, max=2.0)), ["clip"]),
        (lambda n, x: n.op("relu", n.op("relu", x)), ["relu"]),
        (lambda n, x: n.op("relu", n.op("clip", x, min=1.0, max=2.0)), ["clip"]),
        (lambda n, x: n.op("clip", n.op("clip", x, min=0.5, max=2.0), min=-1.0, max=1.0), ["clip"]),
        (lambda n, x: n.op("clip", n.op("clip", x, min=-2.0, max=-1.0), min=0.5, max=1.0), ["clip", "clip"]),
    ],
)
def test_arithmetic(net: Any, build: Callable[[Any, str], str], expected: list[str], ops_of: Ops, assert_same: Check) -> None:
    before = net.graph(build(net, net.input(3, 4)))
    after = simplify_arithmetic(before)
    assert ops_of(after) == expected
    if "div" not in expected:
        assert_same(before, after)


def _gelu(net: Any, x: str) -> str:
    erf = net.op("erf", net.op("div", x, net.number(np.sqrt(2))))
    return str(net.op("mul", net.op("mul", x, net.op("add", erf, net.number(1))), net.number(0.5)))


def _relu6(net: Any, x: str) -> str:
    return str(net.op("clip", net.op("add", x, net.number(3)), min=0.0, max=6.0))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda n, x: n.op("mul", x, n.op("sigmoid", x)), ["swish"]),
        (lambda n, x: n.op("mul", n.op("sigmoid", x), x), ["swish"]),
        (lambda n, x: n.op("mul", x, n.op("tanh", n.op("softplus", x))), ["mish"]),
        (lambda n, x: n.op("mul", x, n.op("hard_sigmoid", x, alpha=1 / 6, beta=0.5)), ["hard_swish"]),
        (lambda n, x: n.op("mul", x, n.op("hard_sigmoid", x, alpha=0.2, beta=0.5)), ["hard_sigmoid", "mul"]),
        (lambda n, x: n.op("div", n.op("mul", x, _relu6(n, x)), n.number(6)), ["hard_swish"]),
        (lambda n, x: n.op("mul", x, n.op("div", _relu6(n, x), n.number(6))), ["hard_swish"]),
        (lambda n, x: n.op("mul", _relu6(n, x), n.op("mul", x, n.number(1 / 6))), ["hard_swish"]),
        (lambda n, x: n.op("mul", n.op("mul", x, _relu6(n, x)), n.number(0.2)), ["hard_swish", "mul"]),
        (lambda n, x: n.op("div", _relu6(n, x), n.number(6)), ["hard_sigmoid"]),
        (lambda n, x: n.op("clip", n.op("add", n.op("mul", x, n.number(0.2)), n.number(0.5)), min=0.0, max=1.0), ["hard_sigmoid"]),
        (lambda n, x: n.op("clip", x, min=0.0, max=1.0), ["clip"]),
        (lambda n, x: n.op("div", _relu6(n, x), n.number(5)), ["add", "clip", "mul"]),
        (_gelu, ["gelu"]),
    ],
)
def test_activations(net: Any, build: Callable[[Any, str], str], expected: list[str], ops_of: Ops, assert_same: Check) -> None:
    before = net.graph(build(net, net.input(5, 40)))
    after = recognise_activations(simplify_arithmetic(before))
    assert ops_of(after) == expected
    assert_same(before, after)


def test_identities_go(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.op("relu", net.input(1, 3, 4, 4))
    y = net.op("identity", net.op("cast", net.op("reshape", x, shape=(1, 3, 4, 4)), to="float32"))
    y = net.op("transpose", net.op("pad", y, mode="constant", pads=(0,) * 8, value=0.0), perm=(0, 1, 2, 3))
    y = net.op("concat", net.op("slice", y, starts=(0,) * 4, ends=(1, 3, 4, 4), steps=(1,) * 4), axis=1)
    y = net.op("mul", net.number(1), net.op("add", net.op("clip", y, min=None, max=None), net.number(0)))
    before = net.graph(net.op("tile", net.op("expand", y, shape=(1, 1, 4)), repeats=(1, 1, 1, 1)))
    after = remove_identities(before)
    assert ops_of(after) == ["relu"]
    assert_same(before, after)


def test_outputs_keep_their_names_when_they_are_the_same_value(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(2, 3)
    y = net.op("relu", x)
    before = net.graph(net.op("identity", y), net.op("identity", y), net.op("identity", x), y)
    after = remove_identities(before)
    assert_same(before, after)
    assert ops_of(after) == ["relu", "identity", "identity", "identity"]


def test_adding_zeros_that_widen_the_shape_stays(net: Any, ops_of: Ops) -> None:
    wide = net.builder.constant(np.zeros((4, 3), np.float32), "zeros")
    assert ops_of(remove_identities(net.graph(net.op("add", net.input(3), wide)))) == ["add"]


def test_views_merge(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(2, 3, 4)
    y = net.op("transpose", net.op("transpose", x, perm=(2, 0, 1)), perm=(2, 0, 1))
    before = net.graph(net.reshape(net.reshape(y, 24), 6, 4), net.op("transpose", net.reshape(x, 1, 24, 1), perm=(2, 1, 0)))
    after = merge_views(before)
    assert ops_of(after) == ["transpose", "reshape", "reshape"]
    assert_same(before, after)


def test_padding_goes_into_the_convolution(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(1, 3, 6, 6)
    padded = net.op("pad", x, mode="constant", pads=(0, 0, 1, 0, 0, 0, 2, 1), value=0.0)
    before = net.graph(net.conv(padded, 4, 3), net.conv(padded, 5, 1))
    after = absorb_padding(before)
    assert ops_of(after) == ["conv2d", "conv2d"]
    assert_same(before, after)


@pytest.mark.parametrize(
    "change", [{"mode": "edge"}, {"value": 1.0}, {"pads": (0, 1, 0, 0, 0, 0, 0, 0)}, {"pads": (0, 0, -1, 0, 0, 0, 0, 0)}]
)
def test_other_padding_stays(net: Any, change: dict[str, Any], ops_of: Ops) -> None:
    attributes = {"mode": "constant", "value": 0.0, "pads": (0, 0, 1, 1, 0, 0, 1, 1), **change}
    before = net.graph(net.conv(net.op("pad", net.input(1, 3, 6, 6), **attributes), 4, 3))
    assert ops_of(absorb_padding(before)) == ["pad", "conv2d"]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("op", ["reduce_mean", "reduce_max"])
def test_reductions_of_images_become_global_pools(net: Any, op: str, keepdims: bool, ops_of: Ops, assert_same: Check) -> None:
    before = net.graph(net.op(op, net.input(2, 3, 4, 5), axes=(2, 3), keepdims=keepdims))
    after = simplify_pools(before)
    pool = {"reduce_mean": "global_average_pool", "reduce_max": "global_max_pool"}[op]
    assert ops_of(after) == ([pool] if keepdims else [pool, "reshape"])
    assert_same(before, after)


def test_a_pool_of_the_whole_image_becomes_global(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(2, 3, 7, 7)
    before = net.graph(net.max_pool(x, 7, 1), net.max_pool(x, 3, 2))
    after = simplify_pools(before)
    assert ops_of(after) == ["global_max_pool", "max_pool"]
    assert_same(before, after)


def test_elementwise_nodes_pass_reshapes(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(1, 6, 1, 9)
    y = net.op("relu", net.op("add", net.reshape(x, 1, 6, 9), net.constant(6, 1)))
    z = net.op("mul", net.op("sigmoid", net.reshape(net.op("neg", x), 1, 6, 9)), y)
    before = net.graph(net.reshape(z, 1, 6, 1, 9))
    after = remove_identities(merge_views(sink_reshapes(before)))
    assert sorted(ops_of(after)) == ["add", "mul", "neg", "relu", "sigmoid"]
    assert_same(before, after)


def test_a_constant_of_another_arrangement_holds_a_reshape(net: Any, ops_of: Ops) -> None:
    before = net.graph(net.op("add", net.reshape(net.input(4, 6), 6, 4), net.constant(6, 1)))
    after = sink_reshapes(before)
    assert ops_of(after) == ["reshape", "add"]


def test_common_subexpressions_merge(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(2, 3)
    a, b = (net.op("add", net.op("relu", x), net.builder.constant(np.ones(3, np.float32), "one")) for _ in range(2))
    c = net.op("leaky_relu", x, alpha=0.1)
    d = net.op("leaky_relu", x, alpha=0.2)
    before = net.graph(net.op("mul", a, b), net.op("mul", c, d), a, b)
    after = merge_common_subexpressions(before)
    assert ops_of(after) == ["relu", "add", "leaky_relu", "leaky_relu", "mul", "mul", "identity"]
    assert len(after.constants) == 1
    assert_same(before, after)


def test_concats_of_a_dense_block_nest(net: Any, assert_same: Check) -> None:
    parts = [net.op("relu", net.input(1, 2, 3, 3, name=name)) for name in "abcd"]
    concats = [net.op("concat", *parts[:count], axis=1) for count in (2, 3, 4)]
    before = net.graph(*(net.op("neg", value) for value in concats))
    after = nest_concats(before)
    assert [len(node.inputs) for node in after.nodes if node.op == "concat"] == [2, 2, 2]
    assert_same(before, after)


def test_concats_read_once_are_flattened(net: Any, ops_of: Ops, assert_same: Check) -> None:
    a, b, c = (net.op("relu", net.input(1, 2, 3, 3, name=name)) for name in "abc")
    before = net.graph(
        net.op("concat", net.op("concat", a, b, axis=1), c, axis=1), net.op("concat", net.op("concat", b, c, axis=2), b, axis=2)
    )
    after = arrange_concats(before)
    assert ops_of(after) == ["relu", "relu", "relu", "concat", "concat"]
    assert_same(before, after)


def test_an_activation_after_a_concat_goes_to_the_parts(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.input(1, 3, 4, 4)
    parts = net.op("concat", net.conv(x, 4), net.conv(x, 5), axis=1)
    before = net.graph(net.op("relu", net.op("mul", net.number(2), parts)))
    after = arrange_concats(before)
    assert sorted(ops_of(after)) == ["concat", "conv2d", "conv2d", "mul", "mul", "relu", "relu"]
    assert_same(before, after)


def test_caffe_scale_after_batch_norm_merges(net: Any, ops_of: Ops, assert_same: Check) -> None:
    x = net.batch_norm(net.input(1, 4, 3, 3))
    before = net.graph(net.op("add", net.op("mul", x, net.constant(4, 1, 1)), net.constant(4, 1, 1)))
    after = simplify_arithmetic(fold_batch_norms(before))
    assert ops_of(after) == ["mul", "add"]
    assert_same(before, after)
