"""What this machine can do at most, float32 multiply-adds and bytes read per second: `python -m benchmarks.ceiling` prints both.

Two loops, built with llvmlite's builder at the host's vector width: independent fused multiply-adds that never leave their registers, and
vector loads over an array. Both run in as many threads as asked, at the same time; the best of several rounds counts.
"""

import argparse
import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Barrier
from time import perf_counter

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from compiler.target import Target

I64, F32 = ir.IntType(64), ir.FloatType()
FMA_SECS = 0.02  # one sample: long against the start of a thread, short against a scheduler's slice of time
ROUNDS = 9
STREAM_BYTES = 256 << 20  # past the last-level cache of any desktop or server this runs on


@dataclass(frozen=True, slots=True)
class Ceiling:
    """gflops: 10^9 float32 operations a second, a multiply-add counting two; gbytes: 10^9 bytes read a second from memory."""

    threads: int
    gflops: float
    gbytes: float


class CeilingLoops:
    """The two loops as machine code; lives as long as they are called."""

    def __init__(self, target: Target) -> None:
        self.lanes = target.vector_lanes
        self.chains = 24 if target.vector_registers >= 32 else 12
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = ir.Module("ceiling")
        module.triple = target.triple
        _emit_fma_loop(module, self.lanes, self.chains)
        _emit_read_loop(module, self.lanes)
        features = f"{target.features},-prefer-256-bit" if target.triple.startswith("x86_64") else target.features
        machine = llvm.Target.from_triple(target.triple).create_target_machine(cpu=target.cpu, features=features, opt=3)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(module)), machine)
        self._engine.finalize_object()
        kind = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)
        self._fma = kind(self._engine.get_function_address("fma_loop"))
        self._read = kind(self._engine.get_function_address("read_loop"))

    def gflops(self, threads: int) -> float:
        """Multiply-adds of all threads together, best of the rounds."""
        scratch = [np.full(2 * self.lanes, 0.5, np.float32) for _ in range(threads)]
        trips = 1 << 16
        while _together([partial(self._fma, trips, scratch[0].ctypes.data)]) < FMA_SECS:
            trips *= 2
        calls = [partial(self._fma, trips, array.ctypes.data) for array in scratch]
        best = min(_together(calls) for _ in range(ROUNDS))
        return 2e-9 * threads * trips * self.chains * self.lanes / best

    def gbytes(self, threads: int, size_bytes: int = STREAM_BYTES) -> float:
        """Reads of all threads together, each from its own share of `size_bytes`; best of the rounds."""
        step = 8 * self.lanes
        share = size_bytes // 4 // threads // step * step
        array = np.ones(share * threads + step, np.float32)
        calls = [partial(self._read, share, array[share * number :].ctypes.data) for number in range(threads)]
        best = min(_together(calls) for _ in range(ROUNDS))
        return 4e-9 * share * threads / best


def measure_ceiling(threads: int, target: Target | None = None) -> Ceiling:
    """Takes about a second."""
    loops = CeilingLoops(target or Target.parse("host"))
    return Ceiling(threads, loops.gflops(threads), loops.gbytes(threads))


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


def _loop(function: ir.Function, trips: ir.Value) -> tuple[ir.IRBuilder, ir.IRBuilder, ir.PhiInstr, ir.Block]:
    """entry -> loop (counter from 0, left after `trips`) -> done; gives builders of loop and done, the counter, the loop's block."""
    entry, body, done = function.entry_basic_block, function.append_basic_block("loop"), function.append_basic_block("done")
    ir.IRBuilder(entry).branch(body)
    builder = ir.IRBuilder(body)
    counter = builder.phi(I64)
    counter.add_incoming(I64(0), entry)
    succ = builder.add(counter, I64(1))
    counter.add_incoming(succ, body)
    builder.cbranch(builder.icmp_signed("<", succ, trips), body, done)
    builder.position_before(succ)
    return builder, ir.IRBuilder(done), counter, body


def _splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    vector = ir.VectorType(F32, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), lanes), None))


def _declare(module: ir.Module, name: str) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64, F32.as_pointer()]), name)
    function.append_basic_block("entry")
    return function


def _emit_fma_loop(module: ir.Module, lanes: int, chains: int) -> None:
    """fma_loop(trips, x): `chains` values, each trip a = a * x[0] + x[1]; their sum goes to x[0 .. lanes)."""
    vector = ir.VectorType(F32, lanes)
    fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f32")
    function = _declare(module, "fma_loop")
    trips, memory = function.args
    entry = ir.IRBuilder(function.entry_basic_block)
    factor, term = (_splat(entry, entry.load(entry.gep(memory, [I64(position)])), lanes) for position in (0, 1))
    loop, done, _, body = _loop(function, trips)
    sums = [loop.phi(vector) for _ in range(chains)]
    results = [loop.call(fma, [value, factor, term]) for value in sums]
    for phi, result in zip(sums, results, strict=True):
        phi.add_incoming(term, function.entry_basic_block)
        phi.add_incoming(result, body)
    _store_sum(done, results, memory, vector)


def _emit_read_loop(module: ir.Module, lanes: int, streams: int = 8) -> None:
    """read_loop(count, x): adds up `count` floats, `streams` vectors a trip; the sum goes to the `lanes` floats after them."""
    vector = ir.VectorType(F32, lanes)
    function = _declare(module, "read_loop")
    count, memory = function.args
    entry = ir.IRBuilder(function.entry_basic_block)
    trips = entry.udiv(count, I64(lanes * streams))
    loop, done, counter, body = _loop(function, trips)
    sums = [loop.phi(vector) for _ in range(streams)]
    origin = loop.mul(counter, I64(lanes * streams))
    results = []
    for position, phi in enumerate(sums):
        pointer = loop.gep(memory, [loop.add(origin, I64(position * lanes))])
        results.append(loop.fadd(phi, loop.load(loop.bitcast(pointer, vector.as_pointer()), align=4)))
    for phi, result in zip(sums, results, strict=True):
        phi.add_incoming(ir.Constant(vector, None), function.entry_basic_block)
        phi.add_incoming(result, body)
    _store_sum(done, results, done.gep(memory, [count]), vector)


def _store_sum(builder: ir.IRBuilder, values: list[ir.Value], memory: ir.Value, vector: ir.VectorType) -> None:
    total = values[0]
    for value in values[1:]:
        total = builder.fadd(total, value)
    builder.store(total, builder.bitcast(memory, vector.as_pointer()), align=4)
    builder.ret_void()


def main() -> None:
    parser = argparse.ArgumentParser(description="The measured ceiling of this machine: float32 multiply-adds and streaming reads.")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, separated by commas (default: 1,2)")
    for threads in map(int, parser.parse_args().threads.split(",")):
        ceiling = measure_ceiling(threads)
        print(f"{threads} threads: {ceiling.gflops:.1f} GFLOP/s, {ceiling.gbytes:.1f} GB/s read")


if __name__ == "__main__":
    main()
