"""Tensors defined by expressions."""

import numpy as np
import pytest

from compiler.te import (
    Axis,
    Binary,
    Const,
    Load,
    Reduce,
    Var,
    compute,
    max_over,
    min_over,
    placeholder,
    prod_over,
    producers,
    reduce_axis,
    sum_over,
    topological_order,
)
from compiler.tensor_type import FLOAT32, INT32, INT64, TensorType


def test_compute_names_its_axes() -> None:
    x = placeholder((4, 8), name="x")
    named = compute((4, 8), lambda i, j: x[i, j] + 1, name="y", axis_names=("row", "column"))
    assert named.definition is not None
    assert named.definition.axes == (Axis("y.row", 4), Axis("y.column", 8))
    assert named.definition.body == Binary("add", Load(x, (Var("y.row"), Var("y.column"))), Const(1.0, FLOAT32))
    numbered = compute((4, 8), lambda i, j: x[i, j], name="z")
    assert numbered.definition is not None
    assert [axis.name for axis in numbered.definition.axes] == ["z.d0", "z.d1"]
    assert numbered.type == TensorType((4, 8), FLOAT32)


@pytest.mark.parametrize(("over", "combiner"), [(sum_over, "sum"), (prod_over, "prod"), (max_over, "max"), (min_over, "min")])
def test_reduction_axes_belong_to_the_tensor(over: object, combiner: str) -> None:
    x = placeholder((4, 8), name="x")
    k = reduce_axis(8, "k")
    y = compute((4,), lambda i: over(x[i, k], k), name="y")  # type: ignore[operator]
    assert y.definition is not None
    assert y.definition.reduce_axes == (Axis("y.k", 8),)
    assert y.definition.body == Reduce(combiner, Load(x, (Var("y.d0"), Var("y.k"))), (Axis("y.k", 8),))  # type: ignore[arg-type]


def test_two_tensors_may_share_a_reduce_axis() -> None:
    x = placeholder((4, 8), name="x")
    k = reduce_axis(8, "k")
    names = [compute((4,), lambda i: sum_over(x[i, k], k), name=name).definition for name in ("a", "b")]
    assert [definition.reduce_axes[0].name for definition in names if definition] == ["a.k", "b.k"]


def test_dtype_is_the_bodys() -> None:
    x = placeholder((4,), "x", INT32)
    assert compute((4,), lambda i: x[i] * 2, name="y").dtype == INT32
    assert compute((4,), lambda i: x[i] < 2, name="y").dtype == np.dtype(bool)
    assert compute((4,), lambda i: i, name="y").dtype == INT64
    assert compute((4,), lambda _: 1, name="y").dtype == FLOAT32


def test_scalars_have_no_axes() -> None:
    x = placeholder((), name="x")
    y = compute((), lambda: x[()] + 1, name="y")
    assert y.shape == ()
    assert y.definition is not None
    assert y.definition.axes == ()


def test_errors_say_what_is_wrong() -> None:
    x = placeholder((4, 8), name="x")
    with pytest.raises(ValueError, match="x has 2 axes, indexed with 1"):
        x[0]
    with pytest.raises(ValueError, match="sum needs at least one axis"):
        sum_over(x[0, 0])
    with pytest.raises(ValueError, match="y: 1 axes but 2 names"):
        compute((4,), lambda i: x[i, 0], name="y", axis_names=("i", "j"))


def test_producers_and_order() -> None:
    x, w = placeholder((4,), name="x"), placeholder((4,), name="w")
    y = compute((4,), lambda i: x[i] * w[i] + x[i], name="y")
    z = compute((4,), lambda i: y[i] + w[i], name="z")
    assert [tensor.name for tensor in producers(y)] == ["x", "w"]
    assert list(producers(x)) == []
    assert [tensor.name for tensor in topological_order([z])] == ["x", "w", "y", "z"]
    assert [tensor.name for tensor in topological_order([y, z])] == ["x", "w", "y", "z"]


def test_definitions_do_not_take_part_in_equality() -> None:
    x = placeholder((4,), name="x")
    assert compute((4,), lambda i: x[i], name="y") == compute((4,), lambda i: x[i] * 2, name="y")
