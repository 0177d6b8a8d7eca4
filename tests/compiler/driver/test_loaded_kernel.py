"""Kernels timed with cold weights: what stands for them is taken from memory that nobody has read for long."""

from collections.abc import Iterator

import numpy as np
import pytest

from compiler.driver import BoundKernel, ColdMemory, LoadedKernel, compile_kernel
from compiler.ops import Array
from compiler.runtime import ThreadPool, native_runtime
from compiler.schedule import CacheRead, Schedule
from compiler.target import Target
from compiler.tensor_type import INT64, TensorType
from compiler.workload import Argument, Workload
from schedule_space import default_schedule
from tests.conformance.native_check import reference
from tests.schedule_space.workloads import argument, conv, fixed, matmul, rounding, single, winograd

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


def prepare(workload: Workload, schedule: Schedule, pool: ThreadPool, cold: ColdMemory | None) -> BoundKernel:
    kernel = LoadedKernel(compile_kernel(workload, schedule, HOST), pool)
    constants = {position for position, each in enumerate(workload.arguments) if each.constant}
    arrays = [np.asarray(array, each.type.dtype) for array, each in zip(arrays_of(workload), workload.arguments, strict=True)]
    return kernel.prepare(arrays, workload.output_types, constants=constants, cold=cold)


def check_answer(bound: BoundKernel, workload: Workload) -> None:
    for got, want in zip(bound.outputs(), reference(workload, arrays_of(workload)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=rounding(workload) * float(np.abs(want).max()))
        got.fill(np.nan)


CASES = pytest.mark.parametrize(
    ("workload", "schedule"),
    [
        (PRODUCT, Schedule()),
        (PRODUCT, PACKED),
        (TRANSFORMED, default_schedule(TRANSFORMED, HOST, 2)),
        (fixed(PRODUCT), default_schedule(fixed(PRODUCT), HOST, 2)),
    ],
    ids=["as they are", "packed", "transformed", "in fixed point"],
)


@CASES
def test_timed_calls_take_their_weights_from_cold_memory(workload: Workload, schedule: Schedule, pool: ThreadPool) -> None:
    """What they compute is finite, and wrong; a call that is not timed has its own weights."""
    cold = ColdMemory(1 << 20)
    bound = prepare(workload, schedule, pool, cold)
    for number in (1, 1, 7):
        assert bound.time(number) > 0
        (wrong,) = bound.outputs()
        assert np.isfinite(wrong).all()
        assert not np.allclose(wrong, reference(workload, arrays_of(workload))[0], rtol=1e-2)
        wrong.fill(np.nan)
    bound.run()
    check_answer(bound, workload)


@CASES
def test_cold_memory_is_read_only(workload: Workload, schedule: Schedule, pool: ThreadPool) -> None:
    cold = ColdMemory(1 << 18)
    before = cold._memory.copy()
    prepare(workload, schedule, pool, cold).time(50)
    np.testing.assert_array_equal(cold._memory, before)


def test_calls_take_what_lay_longest(pool: ThreadPool) -> None:
    """In a circle, over all kernels: the weights of one place are wiped out, which shows when it is its turn, and in no other call."""
    cold = ColdMemory(3 * PRODUCT_BYTES)
    first, second = (prepare(PRODUCT, schedule, pool, cold) for schedule in (PACKED, Schedule()))
    cold._memory[PRODUCT_BYTES : 2 * PRODUCT_BYTES] = 0
    seen: list[bool] = []
    for bound in (first, second, first, first, second, second):
        bound.time(1)
        seen.append(bool(bound.outputs()[0].any()))
    assert seen == [True, False, True] * 2


def test_places_are_aligned_and_within() -> None:
    cold = ColdMemory(1000)
    start = cold.take(0)
    places = [cold.take(size) - start for size in (100, 300, 1, 500, 1000, 1000, 64)]
    assert places == [0, 128, 448, 0, 0, 0, 0]
    assert all(place % 64 == 0 for place in places)
    assert cold.size_bytes == 1000


def test_cold_bytes_are_small_positive_numbers_in_every_type() -> None:
    memory = ColdMemory(1 << 16)._memory
    for dtype in (np.float16, np.float32, np.float64):
        numbers = memory.view(dtype)
        assert np.isfinite(numbers).all()
        assert numbers.min() >= np.finfo(dtype).smallest_normal
        assert numbers.max() < 2
    high, low = memory[: 1 << 15].view(np.uint16).astype(np.uint32), memory[1 << 15 : 3 << 14].astype(np.uint32)
    narrow = (high << 16 | low << 8).view(np.float32)
    assert 0.01 < narrow.min() <= narrow.max() < 0.1
    assert memory.view(np.int16).min() > 0


@pytest.mark.parametrize(
    "workload",
    [
        single("neg", {}, argument(5, 7)),
        matmul((3, 32), (32, 16), constant=False),
        single("gather", {"axis": 0}, argument(5, 7), Argument(TensorType((3,), INT64), constant=True)),
    ],
    ids=["no weights", "no constants", "constant indices"],
)
def test_what_is_no_weight_stays(workload: Workload, pool: ThreadPool) -> None:
    bound = prepare(workload, Schedule(), pool, ColdMemory(1 << 20))
    assert bound._weights is None
    assert bound.time(3) > 0


def test_weights_that_do_not_fit_are_their_own(pool: ThreadPool) -> None:
    for cold in (None, ColdMemory(PRODUCT_BYTES - 64)):
        bound = prepare(PRODUCT, PACKED, pool, cold)
        assert bound.time(2) > 0
        check_answer(bound, PRODUCT)
