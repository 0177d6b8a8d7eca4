"""Inputs that kernels are timed on, and the answers that they must give."""

from typing import Any

import numpy as np
import pytest

from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import MeasureError, make_reference_case


def workload(ops: list[GroupOp], *types: tuple[tuple[int, ...], str]) -> Workload:
    return Workload(tuple(Argument(TensorType(shape, np.dtype(dtype))) for shape, dtype in types), tuple(ops))


def unary(op: str, shape: tuple[int, ...] = (64,), **attributes: Any) -> Workload:
    return workload([GroupOp(op, (("arg", 0),), attributes)], (shape, "float32"))


def test_the_same_seed_gives_the_same_arrays() -> None:
    first, again, other = (make_reference_case(unary("relu"), seed) for seed in (1, 1, 2))
    assert np.array_equal(first.inputs[0], again.inputs[0])
    assert not np.array_equal(first.inputs[0], other.inputs[0])


def test_the_group_is_computed_operator_by_operator() -> None:
    add = GroupOp("add", (("arg", 0), ("arg", 1)))
    relu = GroupOp("relu", (("op", 0),))
    case = make_reference_case(workload([add, relu], ((4, 5), "float32"), ((5,), "float32")), 0)
    assert np.array_equal(case.outputs[0], np.maximum(case.inputs[0] + case.inputs[1], 0))
    assert case.outputs[0].dtype == np.float32


def test_inputs_are_no_denormals_and_of_both_signs() -> None:
    (values,) = make_reference_case(unary("relu", (4096,)), 0).inputs
    assert values.dtype == np.float32
    assert -1 <= values.min() < 0 < values.max() < 1
    assert np.abs(values[values != 0]).min() > 1e-9


def test_functions_get_inputs_of_their_domain() -> None:
    for op in ("log", "sqrt"):
        case = make_reference_case(unary(op), 0)
        assert case.inputs[0].min() > 0
        assert np.isfinite(case.outputs[0]).all()


def test_indices_lie_inside_and_other_integers_are_small() -> None:
    gather = GroupOp("gather", (("arg", 0), ("arg", 1)), {"axis": 1})
    case = make_reference_case(workload([gather], ((3, 50), "float32"), ((400,), "int64")), 0)
    indices = case.inputs[1]
    assert indices.dtype == np.int64
    assert indices.min() == 0
    assert indices.max() == 49
    add = workload([GroupOp("add", (("arg", 0), ("arg", 1)))], ((64,), "int32"), ((64,), "int32"))
    assert min(array.min() for array in make_reference_case(add, 0).inputs) >= 1


def test_a_dtype_without_test_values_is_named() -> None:
    with pytest.raises(MeasureError, match="complex64"):
        make_reference_case(workload([GroupOp("relu", (("arg", 0),))], ((4,), "complex64")), 0)
