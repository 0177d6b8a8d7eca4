"""Kernels timed with cold weights: calls take turns with copies of the constants, and each of them computes the same."""

from collections.abc import Iterator

import numpy as np
import pytest

from compiler.driver import BoundKernel, LoadedKernel, compile_kernel
from compiler.driver.loaded_kernel import MAX_COPIES
from compiler.ops import Array
from compiler.runtime import ThreadPool, native_runtime
from compiler.schedule import CacheRead, Schedule
from compiler.target import Target
from compiler.workload import Workload
from schedule_space import default_schedule
from tests.conformance.native_check import reference
from tests.schedule_space.workloads import argument, conv, matmul, rounding, single, winograd

HOST = Target.parse("host")
PRODUCT = matmul((3, 32), (32, 16))
PRODUCT_BYTES = 32 * 16 * 4
PACKED = Schedule((CacheRead("arg1", "matmul", "arg1.packed", (), (1, 0)),))
BLOCKED = {"layout": "NCHW16c", "out_layout": "NCHW16c"}
TRANSFORMED = winograd(conv((1, 1, 9, 9, 16), (16, 16, 3, 3), epilogue=True, **BLOCKED), 4, 4)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPool]:
    with ThreadPool(2, native_runtime()) as pool:
        yield pool


def arrays_of(workload: Workload) -> list[Array]:
    rng = np.random.default_rng(3)
    return [rng.standard_normal(each.type.shape).astype(np.float32) for each in workload.arguments]


def prepare(workload: Workload, schedule: Schedule, pool: ThreadPool, footprint_bytes: int) -> BoundKernel:
    kernel = LoadedKernel(compile_kernel(workload, schedule, HOST), pool)
    constants = {position for position, each in enumerate(workload.arguments) if each.constant}
    return kernel.prepare(arrays_of(workload), workload.output_types, constants=constants, footprint_bytes=footprint_bytes)


def check_answer(bound: BoundKernel, workload: Workload) -> None:
    for got, want in zip(bound.outputs(), reference(workload, arrays_of(workload)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=rounding(workload) * float(np.abs(want).max()))
        got.fill(np.nan)


@pytest.mark.parametrize("schedule", [Schedule(), PACKED], ids=["as they are", "packed"])
@pytest.mark.parametrize(
    ("footprint_bytes", "sets"),
    [(0, 1), (1, 1), (PRODUCT_BYTES, 1), (PRODUCT_BYTES + 1, 2), (10 * PRODUCT_BYTES, 10), (1 << 30, MAX_COPIES)],
)
def test_as_many_copies_as_fill_the_footprint(schedule: Schedule, footprint_bytes: int, sets: int, pool: ThreadPool) -> None:
    bound = prepare(PRODUCT, schedule, pool, footprint_bytes)
    assert len(bound._params) == sets
    bound.run()
    check_answer(bound, PRODUCT)


def test_a_kernel_without_constants_has_nothing_to_copy(pool: ThreadPool) -> None:
    for workload in (single("neg", {}, argument(5, 7)), matmul((3, 32), (32, 16), constant=False)):
        bound = prepare(workload, Schedule(), pool, 1 << 20)
        assert len(bound._params) == 1
        assert bound.time(3) > 0
        check_answer(bound, workload)


@pytest.mark.parametrize(
    ("workload", "schedule"),
    [(PRODUCT, Schedule()), (PRODUCT, PACKED), (TRANSFORMED, default_schedule(TRANSFORMED, HOST, 2))],
    ids=["as they are", "packed", "transformed"],
)
def test_every_timed_call_computes_the_same(workload: Workload, schedule: Schedule, pool: ThreadPool) -> None:
    bound = prepare(workload, schedule, pool, 5 * 2048)
    for _ in range(2 * len(bound._params) + 1):
        assert bound.time(1) > 0
        check_answer(bound, workload)
    assert bound.time(7) > 0
    check_answer(bound, workload)


def test_calls_take_turns(pool: ThreadPool) -> None:
    """The weights of one copy are wiped out, which shows when it is its turn, and in no other call."""
    bound = prepare(PRODUCT, PACKED, pool, 3 * PRODUCT_BYTES)
    addresses = [tuple(params) for params in bound._params]
    assert sum(len(set(column)) > 1 for column in zip(*addresses, strict=True)) == 1
    assert len(set(addresses)) == 3
    bound._buffers._copies[0].fill(0)
    seen: list[bool] = []
    for _ in range(6):
        bound.time(1)
        seen.append(bool(bound.outputs()[0].any()))
    assert seen == [False, True, True] * 2
    bound.run()
    check_answer(bound, PRODUCT)
