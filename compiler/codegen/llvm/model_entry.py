"""The native entry of a model: one function that calls the kernels in order, so that nothing else runs between them.

In: `ModelEntry`, which says where each parameter of each kernel lies. Out: an object file with two functions,

    int32_t run(void **inputs, void **outputs, const uint8_t *weights, uint8_t *arena, tw_pool *pool)
    int32_t profile(..., double *kernel_secs)       the same, and the seconds of each call

Next: `compiler/runtime/link_model.py`, or `load.py` for this process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from llvmlite import ir

from compiler.codegen.llvm.emit_object import emit_object
from compiler.codegen.llvm.kernel_module import own_section
from compiler.target import Target


class Area(StrEnum):
    INPUT = "input"
    OUTPUT = "output"
    WEIGHTS = "weights"
    ARENA = "arena"


@dataclass(frozen=True, slots=True)
class Place:
    """index: which input or output (0 for weights and arena). offset_bytes: from the start of that buffer."""

    area: Area
    index: int
    offset_bytes: int


@dataclass(frozen=True, slots=True)
class KernelCall:
    """symbol: of a `void f(void **params, tw_pool *pool)`."""

    symbol: str
    params: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    calls: tuple[KernelCall, ...]
    run_symbol: str
    profile_symbol: str


BYTE = ir.IntType(8)
INT32 = ir.IntType(32)
INT64 = ir.IntType(64)
DOUBLE = ir.DoubleType()
POINTER = ir.PointerType()
KERNEL = ir.FunctionType(ir.VoidType(), [POINTER, POINTER])


def generate_model_entry(entry: ModelEntry, target: Target) -> bytes:
    return emit_object(build_model_entry(entry, target), target)


def build_model_entry(entry: ModelEntry, target: Target) -> ir.Module:
    module = ir.Module(name="model_entry")
    kernels = {symbol: ir.Function(module, KERNEL, symbol) for symbol in dict.fromkeys(call.symbol for call in entry.calls)}
    run = _Entry(module, entry.run_symbol, [POINTER] * 5, entry.calls)
    for call in entry.calls:
        run.call(kernels[call.symbol], call)
    run.finish()
    run.function.section = own_section(target, entry.run_symbol)

    clock = ir.Function(module, ir.FunctionType(DOUBLE, []), "tw_clock_secs")
    profile = _Entry(module, entry.profile_symbol, [POINTER] * 6, entry.calls)
    before = profile.builder.call(clock, [])
    for position, call in enumerate(entry.calls):
        profile.call(kernels[call.symbol], call)
        after = profile.builder.call(clock, [])
        secs = profile.builder.gep(profile.function.args[5], [INT64(position)], source_etype=DOUBLE)
        profile.builder.store(profile.builder.fsub(after, before), secs)
        before = after
    profile.finish()
    profile.function.section = own_section(target, entry.profile_symbol)
    return module


class _Entry:
    """One function under construction: a block of calls whose parameters are stored in one array on the stack."""

    def __init__(self, module: ir.Module, symbol: str, arguments: list[ir.Type], calls: Sequence[KernelCall]) -> None:
        self.function = ir.Function(module, ir.FunctionType(INT32, arguments), symbol)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        longest = max((len(call.params) for call in calls), default=0)
        self.params = self.builder.alloca(POINTER, INT32(max(longest, 1)), name="params")
        self.buffers: dict[tuple[Area, int], ir.Value] = {
            (Area.WEIGHTS, 0): self.function.args[2],
            (Area.ARENA, 0): self.function.args[3],
        }

    def call(self, kernel: ir.Function, call: KernelCall) -> None:
        for position, place in enumerate(call.params):
            slot = self.builder.gep(self.params, [INT64(position)], source_etype=POINTER)
            self.builder.store(self._address(place), slot)
        self.builder.call(kernel, [self.params, self.function.args[4]])

    def finish(self) -> None:
        self.builder.ret(INT32(0))

    def _address(self, place: Place) -> ir.Value:
        return self.builder.gep(self._buffer(place), [INT64(place.offset_bytes)], source_etype=BYTE)

    def _buffer(self, place: Place) -> ir.Value:
        key = (place.area, place.index)
        if key not in self.buffers:
            table = self.function.args[0 if place.area is Area.INPUT else 1]
            slot = self.builder.gep(table, [INT64(place.index)], source_etype=POINTER)
            self.buffers[key] = self.builder.load(slot, typ=POINTER)
        return self.buffers[key]
