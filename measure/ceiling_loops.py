"""Machine code that does nothing but what a machine has a limit for: multiply-adds in registers, and reading.

In: a `Target`. Out: an LLVM module of two functions. Next: `ceiling.py`, which times them.

    fma_loop(trips, x)            `chains` vectors, each trip a = a * x[0] + x[1]; their sum goes to x[0 .. lanes)
    read_loop(trips, count, x)    adds up x[0 .. count), `STREAMS` vectors a trip, again and again; the sum goes to the `lanes` after them

`count` is a multiple of `STREAMS * lanes` floats; the x of read_loop is aligned to a vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from compiler.target import Target

STREAMS = 8
I64, F32 = ir.IntType(64), ir.FloatType()


@dataclass(frozen=True, slots=True)
class LoopShape:
    """lanes: float32 numbers of a vector. chains: multiply-adds in flight, enough to hide their latency."""

    lanes: int
    chains: int

    @staticmethod
    def of(target: Target) -> "LoopShape":
        return LoopShape(target.vector_lanes, 24 if target.vector_registers >= 32 else 12)

    @property
    def step(self) -> int:
        """Floats that one trip of the reading loop covers."""
        return STREAMS * self.lanes


def build_ceiling_loops(target: Target) -> ir.Module:
    module = ir.Module("ceiling")
    module.triple = target.triple
    shape = LoopShape.of(target)
    _fma_loop(module, shape)
    _read_loop(module, shape)
    return module


class _Loop:
    """entry -> loop (left after `trips`, the first argument) -> done; builders for the three. To be closed."""

    def __init__(self, module: ir.Module, name: str, arguments: Sequence[ir.Type]) -> None:
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64, *arguments]), name)
        entry, self.block, done = (self.function.append_basic_block(part) for part in ("entry", "loop", "done"))
        self.entry = ir.IRBuilder(entry)
        self.entry.position_before(self.entry.branch(self.block))
        self.body, self.done = ir.IRBuilder(self.block), ir.IRBuilder(done)

    def close(self) -> None:
        counter = self.carried(I64(0))
        succ = self.body.add(counter, I64(1))
        self.carry(counter, succ)
        self.body.cbranch(self.body.icmp_signed("<", succ, self.function.args[0]), self.block, self.done.block)

    def carried(self, start: ir.Value) -> ir.PhiInstr:
        builder = ir.IRBuilder(self.block)
        builder.position_at_start(self.block)
        phi = builder.phi(start.type)
        self.body.position_at_end(self.block)
        phi.add_incoming(start, self.function.entry_basic_block)
        return phi

    def carry(self, phi: ir.PhiInstr, value: ir.Value) -> None:
        phi.add_incoming(value, self.block)

    def origin(self, count: ir.Value, step: int) -> ir.PhiInstr:
        """0, step, 2 step, ...; 0 again at `count`."""
        origin = self.carried(I64(0))
        succ = self.body.add(origin, I64(step))
        self.carry(origin, self.body.select(self.body.icmp_signed("==", succ, count), I64(0), succ))
        return origin


def _fma_loop(module: ir.Module, shape: LoopShape) -> None:
    vector = ir.VectorType(F32, shape.lanes)
    fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{shape.lanes}f32")
    loop = _Loop(module, "fma_loop", [F32.as_pointer()])
    memory = loop.function.args[1]
    factor, term = (_splat(loop.entry, loop.entry.load(loop.entry.gep(memory, [I64(position)])), shape.lanes) for position in (0, 1))
    results = []
    for value in [loop.carried(term) for _ in range(shape.chains)]:
        results.append(loop.body.call(fma, [value, factor, term]))
        loop.carry(value, results[-1])
    loop.close()
    _store_sum(loop.done, results, memory, vector)


def _read_loop(module: ir.Module, shape: LoopShape) -> None:
    vector = ir.VectorType(F32, shape.lanes)
    loop = _Loop(module, "read_loop", [I64, F32.as_pointer()])
    _, count, memory = loop.function.args
    sums = [loop.carried(ir.Constant(vector, None)) for _ in range(STREAMS)]
    origin = loop.origin(count, shape.step)
    results = []
    for position, value in enumerate(sums):
        pointer = loop.body.gep(memory, [loop.body.add(origin, I64(position * shape.lanes))])
        read = loop.body.load(loop.body.bitcast(pointer, vector.as_pointer()), align=4 * shape.lanes)
        results.append(loop.body.fadd(value, read))
        loop.carry(value, results[-1])
    loop.close()
    _store_sum(loop.done, results, loop.done.gep(memory, [count]), vector)


def _splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    vector = ir.VectorType(F32, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), lanes), None))


def _store_sum(builder: ir.IRBuilder, values: Sequence[ir.Value], memory: ir.Value, vector: ir.VectorType) -> None:
    total = values[0]
    for value in values[1:]:
        total = builder.fadd(total, value)
    builder.store(total, builder.bitcast(memory, vector.as_pointer()), align=4)
    builder.ret_void()
