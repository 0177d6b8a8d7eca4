"""Schedules whose threads would write the same elements are refused; partial results inside a parallel loop are each iteration's own."""

import pytest

from compiler.errors import ScheduleError
from compiler.loop_ir import Allocate, For, LoopKind, walk_statements
from compiler.lower import ParamRole, lower
from compiler.schedule import CacheWrite, ComputeAt, Parallel, RFactor, Schedule, Split, Vectorize
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload

TARGET = Target.parse("llvm -mcpu=x86-64-v3 -num-cores=2")
SOFTMAX = Workload((Argument(TensorType((6, 40))),), (GroupOp("softmax", (("arg", 0),), {"axis": 1}),))
SUM = Workload((Argument(TensorType((6, 40))),), (GroupOp("reduce_sum", (("arg", 0),), {"axes": (1,), "keepdims": False}),))


def test_partial_sums_inside_a_parallel_loop_belong_to_an_iteration() -> None:
    steps = (
        CacheWrite("reduce_sum", "total"),
        ComputeAt("total", "reduce_sum.d0"),
        Split("total.r1", (8,)),
        RFactor("total", "total.r1.1", "partial"),
        Vectorize("partial.r1.1"),
        Parallel("reduce_sum.d0"),
    )
    lowered = lower(SUM, Schedule(steps), TARGET)
    assert [param.role for param in lowered.params] == [ParamRole.ARGUMENT, ParamRole.OUTPUT]
    (loop,) = (stmt for stmt in walk_statements(lowered.main.body) if isinstance(stmt, For) and stmt.kind is LoopKind.PARALLEL)
    inside = {stmt.buffer.name: stmt.buffer.scope for stmt in walk_statements(loop.body) if isinstance(stmt, Allocate)}
    assert inside == {"total": "local", "partial": "local"}


def test_partial_sums_at_the_root_are_workspace() -> None:
    steps = (Split("reduce_sum.r1", (8,)), RFactor("reduce_sum", "reduce_sum.r1.1", "partial"))
    lowered = lower(SUM, Schedule(steps), TARGET)
    assert [param.buffer.name for param in lowered.params if param.role is ParamRole.WORKSPACE] == ["partial"]


def test_a_buffer_that_all_iterations_write_is_refused() -> None:
    """cache_write gives the stage inside the loop a buffer at the root."""
    steps = (ComputeAt("softmax.sum", "softmax.d0"), CacheWrite("softmax.sum", "shared"))
    lower(SOFTMAX, Schedule(steps), TARGET)
    with pytest.raises(ScheduleError, match=r"parallel loop 'softmax.d0': every iteration writes the same elements of 'shared'"):
        lower(SOFTMAX, Schedule((*steps, Parallel("softmax.d0"))), TARGET)
