"""Every candidate drawn from a space computes what the reference computes, through the interpreter, after all of lowering."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.loop_ir import interpret
from compiler.lower import LoweredKernel, ParamRole, lower
from compiler.ops import get_operator
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.te import Buffer
from compiler.workload import Workload
from schedule_space import Choice, ScheduleSpace, space_for
from tests.schedule_space.chosen_candidates import with_choices
from tests.schedule_space.workloads import WINOGRAD, WORKLOADS, rounding

Array = NDArray[Any]
TARGET = Target.parse("llvm -mcpu=x86-64-v3 -vector-bits=128")
DRAWS = 4


def reference(workload: Workload, arrays: list[Array]) -> tuple[Array, ...]:
    values: list[tuple[Array, ...]] = []
    for op in workload.ops:
        inputs = [arrays[index] if source == "arg" else values[index][0] for source, index in op.inputs]
        values.append(get_operator(op.op).reference(inputs, op.attributes))
    return values[-1]


def run(lowered: LoweredKernel, arrays: list[Array]) -> list[Array]:
    """Both functions through the interpreter, on flat buffers."""
    packed: dict[int, Array] = {}
    results: list[Array] = []
    for func, params in ((lowered.pack, lowered.pack_params), (lowered.main, lowered.params)):
        if func is None:
            continue
        buffers: list[Array] = []
        for param in params:
            match param.role:
                case ParamRole.ARGUMENT:
                    buffers.append(np.ascontiguousarray(arrays[param.index]).reshape(-1))
                case ParamRole.PACKED:
                    buffers.append(packed.setdefault(param.index, _poison(param.buffer)))
                case ParamRole.OUTPUT:
                    results.append(_poison(param.buffer))
                    buffers.append(results[-1])
                case ParamRole.WORKSPACE:
                    buffers.append(_poison(param.buffer))
        interpret(func, buffers)
    return results


def _poison(buffer: Buffer) -> Array:
    return np.full(buffer.shape, np.nan if buffer.dtype.kind == "f" else -1 if buffer.dtype.kind == "i" else 255, buffer.dtype)


def arguments(workload: Workload) -> list[Array]:
    rng = np.random.default_rng(7)
    return [rng.standard_normal(argument.type.shape).astype(argument.type.dtype) for argument in workload.arguments]


def check(space: ScheduleSpace, schedule: Schedule) -> None:
    arrays = arguments(space.workload)
    want = reference(space.workload, arrays)
    got = run(lower(space.workload, Schedule.from_json(schedule.to_json()), space.target), arrays)
    for mine, theirs in zip(got, want, strict=True):
        room = max(1e-5, rounding(space.workload) * float(np.abs(theirs).max()))
        np.testing.assert_allclose(mine.reshape(theirs.shape), theirs, rtol=1e-4, atol=room)


@pytest.mark.parametrize("name", WORKLOADS)
def test_default_computes_the_reference(name: str) -> None:
    for threads in (1, 2):
        space = space_for(WORKLOADS[name], TARGET, threads)
        assert space.is_valid(dict(space.default().decisions))
        check(space, space.schedule(space.default()))


@pytest.mark.parametrize("name", WORKLOADS)
def test_drawn_candidates_compute_the_reference(name: str) -> None:
    space = space_for(WORKLOADS[name], TARGET, 2)
    for candidate in space.sample(np.random.default_rng(len(name)), DRAWS):
        check(space, space.schedule(candidate))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", WINOGRAD)
def test_every_place_of_the_transforms(name: str, threads: int) -> None:
    """Where the input is transformed, which loop is the outer one, where half-done outputs stay: one chunk, and chunks with a rest."""
    space = space_for(WINOGRAD[name], TARGET, threads)
    rng = np.random.default_rng(threads)
    for place, outer in (("chunk", "p"), ("root", "p"), ("root", "oc")):
        for columns in ("register", "local"):
            candidate = with_choices(space, {"place": place, "outer": outer, "columns": columns}, rng)
            assert candidate is not None
            check(space, space.schedule(candidate))


@pytest.mark.parametrize(
    "name",
    [
        "winograd_4x4",
        "winograd_after_relu",
        "winograd_variable_weight",
        "winograd_plain",
        "conv_streamed_weight",
        "conv_depthwise_blocked",
        "max_pool",
        "average_pool_blocked",
        "matmul_streamed",
    ],
)
def test_every_choice_of_every_parameter(name: str) -> None:
    space = space_for(WORKLOADS[name], TARGET, 2)
    rng = np.random.default_rng(0)
    impossible: list[tuple[str, Choice]] = []
    for parameter in space.parameters:
        for choice in parameter.choices:
            candidate = with_choices(space, {parameter.name: choice}, rng)
            if candidate is None:
                impossible.append((parameter.name, choice))
            else:
                check(space, space.schedule(candidate))
    assert impossible == []
