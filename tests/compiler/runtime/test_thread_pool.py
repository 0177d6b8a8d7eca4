"""The native pool: every iteration once, from any number of threads and callers; its Python owner."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.runtime import ThreadPool, find_toolchain, native_runtime
from compiler.runtime.native_runtime import NATIVE_FOLDER, RUNTIME_SOURCES

STRESS_SOURCE = Path(__file__).parent / "pool_stress.c"
LoopBody = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
Kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
ParallelFor = ctypes.CFUNCTYPE(None, ctypes.c_void_p, LoopBody, ctypes.c_void_p, ctypes.c_int64)


def threads_of_this_process() -> set[str]:
    return {entry.name for entry in Path("/proc/self/task").iterdir()}


def build_stress(folder: Path, *options: str) -> tuple[Path, str]:
    """The program, and the compiler's words where it cannot be built."""
    program = folder / "stress"
    words = [*find_toolchain().command, "-std=c11", "-O1", f"-I{NATIVE_FOLDER}", *options, str(STRESS_SOURCE)]
    done = subprocess.run(
        [*words, *map(str, RUNTIME_SOURCES), "-o", str(program), "-lpthread"], capture_output=True, text=True, check=False
    )
    return program, done.stderr if done.returncode else ""


@pytest.fixture(scope="module")
def stress(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program, error = build_stress(tmp_path_factory.mktemp("stress"), "-Wall", "-Wextra", "-Werror")
    assert not error
    return program


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_every_iteration_runs_once(stress: Path, threads: int) -> None:
    done = subprocess.run([str(stress), str(threads), "2000"], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == f"{threads} threads, 0 wrong\n"
    assert done.returncode == 0


def test_no_data_race(tmp_path: Path) -> None:
    program, error = build_stress(tmp_path, "-g", "-fsanitize=thread", "-DNO_THREADS_AFTER_FORK")
    if error:
        pytest.skip("the C compiler has no thread sanitizer; gcc or clang with libtsan supplies it")
    done = subprocess.run([str(program), "2", "300"], capture_output=True, text=True, timeout=120, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer cannot run under this kernel's address layout; `sysctl vm.mmap_rnd_bits=28` helps")
    assert "WARNING: ThreadSanitizer" not in done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 1000])
def test_pieces_cover_the_loop(threads: int, count: int) -> None:
    pieces: list[tuple[int, int]] = []
    body = LoopBody(lambda _params, lo, hi: pieces.append((lo, hi)))
    with ThreadPool(threads, native_runtime()) as pool:
        ParallelFor(native_runtime().symbols["tw_parallel_for"])(pool.address, body, None, count)
    covered = sorted(pieces)
    assert [lo for lo, _ in covered] == [0, *(hi for _, hi in covered)][: len(covered)]
    assert (covered[-1][1] if covered else 0) == count
    assert all(lo < hi for lo, hi in covered)
    assert max((hi - lo for lo, hi in covered), default=0) <= -(-count // threads)
    starts = {share * (count // threads) + min(share, count % threads) for share in range(min(threads, count))}
    assert starts <= {lo for lo, _ in covered}


def test_the_longest_loop() -> None:
    pieces: list[tuple[int, int]] = []
    body = LoopBody(lambda _params, lo, hi: pieces.append((lo, hi)))
    with ThreadPool(3, native_runtime()) as pool:
        ParallelFor(native_runtime().symbols["tw_parallel_for"])(pool.address, body, None, 2**63 - 1)
    assert sum(hi - lo for lo, hi in pieces) == 2**63 - 1
    assert min(pieces)[0] == 0
    assert max(pieces)[1] == 2**63 - 1


def test_more_than_one_thread_works() -> None:
    """Two pieces that wait for each other: only two threads can finish them."""
    meeting = threading.Barrier(2, timeout=60)
    workers: list[int] = []

    def meet(_params: int, lo: int, hi: int) -> None:
        for _ in range(lo, hi):
            meeting.wait()
            workers.append(threading.get_ident())

    body = LoopBody(meet)
    with ThreadPool(2, native_runtime()) as pool:
        for _ in range(3):
            ParallelFor(native_runtime().symbols["tw_parallel_for"])(pool.address, body, None, 2)
    assert len(set(workers)) == 2


def test_pools_at_once() -> None:
    """Several pools, and several callers on each."""
    parallel_for = ParallelFor(native_runtime().symbols["tw_parallel_for"])

    def count_calls(pool: ThreadPool, done: "NDArray[np.int64]") -> None:
        def add(_params: int, lo: int, hi: int) -> None:
            done[lo:hi] += 1

        body = LoopBody(add)
        for _ in range(200):
            parallel_for(pool.address, body, None, len(done))

    with ThreadPool(2, native_runtime()) as first, ThreadPool(3, native_runtime()) as second:
        results = [np.zeros(11, np.int64) for _ in range(6)]
        with ThreadPoolExecutor(len(results)) as callers:
            list(callers.map(count_calls, [first, second] * 3, results))
    for done in results:
        np.testing.assert_array_equal(done, 200)


def test_threads_are_as_many_as_asked_for_and_end() -> None:
    before = threads_of_this_process()  # those of other tests may end meanwhile
    pool = ThreadPool(4, native_runtime())
    assert threads_of_this_process() <= before
    ParallelFor(native_runtime().symbols["tw_parallel_for"])(pool.address, LoopBody(lambda _params, _lo, _hi: None), None, 8)
    assert len(threads_of_this_process() - before) == 3
    pool.close()
    assert threads_of_this_process() <= before


def cores_of(thread: str) -> set[int]:
    return os.sched_getaffinity(int(thread))


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="two cores of Linux are needed")
def test_workers_keep_off_the_callers_core() -> None:
    """Where the system wakes a worker there it waits for its turn beside an idle core. They follow when the caller moves."""
    everywhere = os.sched_getaffinity(0)
    before = threads_of_this_process()
    body = LoopBody(lambda *_: None)
    parallel_for = ParallelFor(native_runtime().symbols["tw_parallel_for"])
    try:
        with ThreadPool(2, native_runtime()) as pool:
            for core in [*everywhere, *everywhere]:
                os.sched_setaffinity(0, {core})
                time.sleep(2e-3)
                parallel_for(pool.address, body, None, 64)
                (worker,) = threads_of_this_process() - before
                assert cores_of(worker) == everywhere - {core}
    finally:
        os.sched_setaffinity(0, everywhere)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_workers_that_share_one_core_with_the_caller_stay_there() -> None:
    everywhere = os.sched_getaffinity(0)
    before = threads_of_this_process()
    body = LoopBody(lambda *_: None)
    try:
        os.sched_setaffinity(0, {min(everywhere)})
        with ThreadPool(2, native_runtime()) as pool:
            ParallelFor(native_runtime().symbols["tw_parallel_for"])(pool.address, body, None, 64)
            (worker,) = threads_of_this_process() - before
            assert cores_of(worker) == {min(everywhere)}
    finally:
        os.sched_setaffinity(0, everywhere)


def test_a_pool_of_one_thread_has_no_native_object() -> None:
    with ThreadPool(1, native_runtime()) as pool:
        assert pool.address is None


def test_closing_twice_is_harmless() -> None:
    pool = ThreadPool(2, native_runtime())
    assert pool.address
    pool.close()
    pool.close()
    assert pool.address is None


def test_a_pool_needs_a_thread() -> None:
    with pytest.raises(ValueError, match="at least one thread, not 0"):
        ThreadPool(0, native_runtime())


def test_time_calls_runs_the_kernel_that_often() -> None:
    calls = np.zeros(1, np.int64)

    def count(_params: int, _pool: int) -> None:
        calls[0] += 1

    kernel = Kernel(count)
    address = ctypes.cast(kernel, ctypes.c_void_p).value
    assert address is not None
    secs = native_runtime().time_calls(address, 0, None, 25)
    assert calls[0] == 25
    assert secs > 0.0
