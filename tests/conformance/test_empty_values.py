"""Values without elements: no kernel computes them, and what is computed from them is right."""

from collections.abc import Callable

import numpy as np
import pytest

from compiler.driver import NoSchedules, compile_model
from compiler.graph import GraphBuilder, evaluate
from compiler.target import Target
from compiler.tensor_type import TensorType
from schedule_space import default_schedule

Build = Callable[[GraphBuilder, str, str], list[str]]


def pass_on(_: GraphBuilder, __: str, empty: str) -> list[str]:
    return [empty]


def negate(builder: GraphBuilder, _: str, empty: str) -> list[str]:
    return [builder.apply("neg", [builder.apply("neg", [empty])])]


def join(builder: GraphBuilder, x: str, empty: str) -> list[str]:
    return [builder.apply("concat", [empty, x, empty, x], {"axis": 0}), builder.apply("concat", [empty, empty], {"axis": 0})]


def join_one(builder: GraphBuilder, x: str, empty: str) -> list[str]:
    return [builder.apply("neg", [builder.apply("concat", [x, empty], {"axis": 0})])]


def cut(builder: GraphBuilder, x: str, _: str) -> list[str]:
    nothing = builder.apply("slice", [x], {"starts": (2, 0), "ends": (2, 3), "steps": (1, 1)})
    return [nothing, builder.apply("exp", [nothing]), builder.apply("neg", [x])]


def sums(builder: GraphBuilder, x: str, empty: str) -> list[str]:
    total = builder.apply("reduce_sum", [empty], {"axes": (0,), "keepdims": False})
    return [total, builder.apply("add", [x, total]), builder.apply("reduce_prod", [empty], {"axes": (0, 1), "keepdims": True})]


def product(builder: GraphBuilder, x: str, empty: str) -> list[str]:
    attributes = {"transpose_a": True, "transpose_b": False}
    return [builder.apply("matmul", [empty, empty], attributes), builder.apply("matmul", [x, x], attributes)]


def pad(builder: GraphBuilder, _: str, empty: str) -> list[str]:
    return [builder.apply("pad", [empty], {"mode": "constant", "pads": (1, 0, 1, 0), "value": 2.5})]


@pytest.mark.parametrize("build", [pass_on, negate, join, join_one, cut, sums, product, pad])
def test_empty_values(build: Build) -> None:
    builder = GraphBuilder("empty")
    x, empty = builder.input("x", TensorType((4, 3))), builder.input("empty", TensorType((0, 3)))
    graph = builder.graph(build(builder, x, empty))
    executable = compile_model(
        graph, Target.parse("host"), NoSchedules(), device=None, default_schedule=default_schedule, threads=1, cache=None
    )
    inputs = {"x": np.arange(12, dtype=np.float32).reshape(4, 3), "empty": np.empty((0, 3), np.float32)}
    for got, want in zip(executable.run(inputs), evaluate(graph, inputs), strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(got, want, rtol=1e-6)
