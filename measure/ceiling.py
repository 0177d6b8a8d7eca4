"""What this machine can do at most: float32 multiply-adds and bytes read per second.

In: the host's `Target`. Out: numbers, best of several rounds. `ceiling_loops.py` makes the loops; `roofline.py` holds what came of them.
Each loop runs in as many threads as asked, at the same time.
"""

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Barrier
from time import perf_counter

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from compiler.runtime import allocate_bytes
from compiler.target import Target
from measure.ceiling_loops import LoopShape, build_ceiling_loops

FMA_SECS = 0.02  # one sample: long against the start of a thread, short against a scheduler's slice of time
STREAM_SECS = 0.004  # the same, for the many sizes over which bytes are streamed
ROUNDS = 9
STREAM_BYTES = 256 << 20  # past the last-level cache of any desktop or server this runs on


@dataclass(frozen=True, slots=True)
class Ceiling:
    """gflops: 10^9 float32 operations a second, a multiply-add counting two; gbytes: 10^9 bytes read a second from memory."""

    threads: int
    gflops: float
    gbytes: float


class CeilingLoops:
    """The loops as machine code; lives as long as they are called."""

    def __init__(self, target: Target) -> None:
        self.shape = LoopShape.of(target)
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = llvm.parse_assembly(str(build_ceiling_loops(target)))
        features = f"{target.features},-prefer-256-bit" if target.triple.startswith("x86_64") else target.features
        machine = llvm.Target.from_triple(target.triple).create_target_machine(cpu=target.cpu, features=features, opt=3)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        number, pointer = ctypes.c_int64, ctypes.c_void_p
        self._fma = ctypes.CFUNCTYPE(None, number, pointer)(self._engine.get_function_address("fma_loop"))
        self._scratch = np.full(2 * self.shape.lanes, 0.5, np.float32)
        self._read = ctypes.CFUNCTYPE(None, number, number, pointer)(self._engine.get_function_address("read_loop"))

    def gflops(self, threads: int) -> float:
        """Multiply-adds of all threads together, best of the rounds."""
        scratch = [np.full(2 * self.shape.lanes, 0.5, np.float32) for _ in range(threads)]
        rate = _best_rate(lambda trips: [partial(self._fma, trips, array.ctypes.data) for array in scratch], FMA_SECS, ROUNDS)
        return 2e-9 * threads * rate * self.shape.chains * self.shape.lanes

    def sampled_gflops(self) -> float:
        """Of one short run on this thread: for comparing with what runs just before and after it."""
        trips = 1 << 18
        start = perf_counter()
        self._fma(trips, self._scratch.ctypes.data)
        return 2e-9 * trips * self.shape.chains * self.shape.lanes / (perf_counter() - start)

    def multiply_add(self, trips: int, scratch: NDArray[np.float32]) -> None:
        """`shape.chains` vectors a trip, on this thread. scratch: two vectors, the first of which is overwritten."""
        self._fma(trips, scratch.ctypes.data)

    def read(self, trips: int, count: int, data: NDArray[np.float32]) -> None:
        """`shape.step` floats a trip, round and round over the first `count`, which are followed by as many as a vector for the sum."""
        self._read(trips, count, data.ctypes.data)

    def gbytes(self, threads: int, size_bytes: int = STREAM_BYTES, rounds: int = ROUNDS) -> float:
        """Reads of all threads together, each again and again from its own share of `size_bytes`; best of the rounds."""
        count = max(1, size_bytes // 4 // threads // self.shape.step) * self.shape.step
        arrays = [_ones(count + self.shape.step) for _ in range(threads)]
        rate = _best_rate(lambda trips: [partial(self._read, trips, count, each.ctypes.data) for each in arrays], STREAM_SECS, rounds)
        return 4e-9 * threads * rate * self.shape.step


def _ones(count: int) -> NDArray[np.float32]:
    array = allocate_bytes(4 * count).view(np.float32)
    array.fill(1.0)  # else every page is the same page of zeros
    return array


def measure_ceiling(threads: int, target: Target | None = None) -> Ceiling:
    """Takes about a second."""
    loops = CeilingLoops(target or Target.parse("host"))
    return Ceiling(threads, loops.gflops(threads), loops.gbytes(threads))


def _best_rate(calls: Callable[[int], Sequence[Callable[[], None]]], sample_secs: float, rounds: int) -> float:
    """Trips per second of one thread. calls(trips): one call per thread."""
    trips = 1 << 12
    while (secs := _together(calls(trips))) < sample_secs:
        trips *= 2 if secs > sample_secs / 8 else 8
    return trips / min(_together(calls(trips)) for _ in range(rounds))


def _together(calls: Sequence[Callable[[], None]]) -> float:
    """Seconds from the first start to the last end of calls that run at the same time."""
    barrier = Barrier(len(calls))

    def timed(call: Callable[[], None]) -> tuple[float, float]:
        barrier.wait()
        start = perf_counter()
        call()
        return start, perf_counter()

    with ThreadPoolExecutor(len(calls)) as pool:
        spans = list(pool.map(timed, calls))
    return max(end for _, end in spans) - min(start for start, _ in spans)
