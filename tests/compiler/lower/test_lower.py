"""Lowering as a whole: what runs once and what runs always, and the schedules that it refuses."""

import numpy as np
import pytest

from compiler.errors import ScheduleError
from compiler.loop_ir import Allocate, For, IfThen, LoopKind, Update, interpret, walk_statements
from compiler.lower import ParamRole, lower
from compiler.schedule import CacheWrite, ComputeAt, Fuse, Parallel, Reorder, Schedule, Split, Vectorize
from compiler.target import Target
from tests.schedule_space.workloads import conv, matmul

TARGET = Target.parse("llvm -mcpu=x86-64-v3 -vector-bits=128")


def test_constant_stages_run_once() -> None:
    workload = conv((1, 2, 5, 5, 4), (8, 8, 3, 3), layout="NCHW4c", out_layout="NCHW4c")
    lowered = lower(workload, Schedule(), TARGET)
    assert lowered.pack is not None
    assert [(param.buffer.name, param.role) for param in lowered.pack_params] == [
        ("arg1", ParamRole.ARGUMENT),
        ("conv2d.weight", ParamRole.PACKED),
    ]
    assert [(param.buffer.name, param.role) for param in lowered.params] == [
        ("arg0", ParamRole.ARGUMENT),
        ("conv2d.weight", ParamRole.PACKED),
        ("conv2d", ParamRole.OUTPUT),
        ("conv2d.pad", ParamRole.WORKSPACE),
    ]


def test_nothing_is_packed_of_an_input_that_varies() -> None:
    lowered = lower(matmul((3, 4), (4, 5), constant=False), Schedule(), TARGET)
    assert lowered.pack is None
    assert {param.role for param in lowered.params} == {ParamRole.ARGUMENT, ParamRole.OUTPUT}


def test_lowered_functions_have_stores_only_and_flat_buffers() -> None:
    workload = conv((1, 2, 5, 5, 4), (8, 8, 3, 3), layout="NCHW4c", out_layout="NCHW4c")
    lowered = lower(workload, Schedule(), TARGET)
    for func in (lowered.main, lowered.pack):
        assert func is not None
        assert not any(isinstance(stmt, Update) for stmt in walk_statements(func.body))
        assert all(len(param.shape) == 1 for param in func.params)


def test_a_parallel_loop_stays_one_loop() -> None:
    """The tail of a split under a fused parallel loop becomes a version of the body, not a second loop."""
    workload = matmul((7, 5), (5, 10))
    steps = (
        CacheWrite("matmul", "acc"),
        Split("matmul.m", (2,)),
        Split("matmul.n", (4,)),
        Reorder(("matmul.m.0", "matmul.n.0", "matmul.m.1", "matmul.n.1")),
        Fuse(("matmul.m.0", "matmul.n.0"), "p"),
        ComputeAt("acc", "p", "local"),
        Vectorize("matmul.n.1"),
        Parallel("p"),
    )
    lowered = lower(workload, Schedule(steps), TARGET)
    loops = [stmt for stmt in walk_statements(lowered.main.body) if isinstance(stmt, For) and stmt.kind is LoopKind.PARALLEL]
    assert [loop.extent for loop in loops] == [12]
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal(35), rng.standard_normal(50), np.full(70, np.nan)
    arrays = [array.astype(np.float32) for array in (a, b, c)]
    interpret(lowered.main, arrays)
    np.testing.assert_allclose(arrays[2].reshape(7, 10), a.reshape(7, 5) @ b.reshape(5, 10), rtol=1e-4, atol=1e-5)
    assert any(isinstance(stmt, IfThen) for stmt in walk_statements(lowered.main.body))


def test_scratch_that_does_not_fit_a_stack_is_refused() -> None:
    workload = conv((1, 64, 130, 130, 4), (4, 256, 3, 3), layout="NCHW4c", out_layout="NCHW4c")
    with pytest.raises(ScheduleError, match=r"scratch of \d+ bytes: at most 4194304"):
        lower(workload, Schedule((ComputeAt("conv2d.pad", "conv2d.n"),)), TARGET)


def test_a_register_buffer_of_any_size_is_refused() -> None:
    workload = matmul((128, 4), (4, 128))
    with pytest.raises(ScheduleError, match="16 registers exist"):
        lower(
            workload, Schedule((CacheWrite("matmul", "acc"), Split("matmul.m", (128,)), ComputeAt("acc", "matmul.m.0", "register"))), TARGET
        )


def test_scratch_in_versions_of_a_body_counts_once() -> None:
    workload = conv((1, 1, 30, 60, 4), (4, 4, 3, 3), layout="NCHW4c", out_layout="NCHW4c")
    lowered = lower(workload, Schedule((Split("conv2d.oh", (7,)), ComputeAt("conv2d.pad", "conv2d.oh.0"))), TARGET)
    allocated = [stmt.buffer for stmt in walk_statements(lowered.main.body) if isinstance(stmt, Allocate)]
    assert {buffer.scope for buffer in allocated} == {"local"}
