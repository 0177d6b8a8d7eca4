"""The native pool: every iteration once, from any number of threads and callers; its Python owner."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from compiler.runtime import ThreadPool, find_toolchain, native_runtime
from compiler.runtime.native_runtime import NATIVE_FOLDER, RUNTIME_SOURCES

STRESS_SOURCE = Path(__file__).parent / "pool_stress.c"
LoopBody = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
ParallelFor = ctypes.CFUNCTYPE(None, ctypes.c_void_p, LoopBody, ctypes.c_void_p, ctypes.c_int64)


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
    program, error = build_stress(tmp_path, "-g", "-fsanitize=thread")
    if error:
        pytest.skip("the C compiler has no thread sanitizer; gcc or clang with libtsan supplies it")
    done = subprocess.run([str(program), "2", "300"], capture_output=True, text=True, timeout=120, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer cannot run under this kernel's address layout; `sysctl vm.mmap_rnd_bits=28` helps")
    assert "WARNING: ThreadSanitizer" not in done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64])
def test_shares_are_contiguous_and_even(threads: int, count: int) -> None:
    shares: list[tuple[int, int]] = []
    body = LoopBody(lambda _params, lo, hi: shares.append((lo, hi)))
    with ThreadPool(threads, native_runtime()) as pool:
        ParallelFor(native_runtime().symbols["tw_parallel_for"])(pool.address, body, None, count)
    covered = sorted(shares)
    assert [lo for lo, _ in covered] == [0, *(hi for _, hi in covered)][: len(covered)]
    assert (covered[-1][1] if covered else 0) == count
    sizes = [hi - lo for lo, hi in covered]
    assert len(sizes) == min(threads, count)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


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

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
    def kernel(_params: int, _pool: int) -> None:
        calls[0] += 1

    address = ctypes.cast(kernel, ctypes.c_void_p).value
    assert address is not None
    secs = native_runtime().time_calls(address, 0, None, 25)
    assert calls[0] == 25
    assert secs > 0.0
