"""The state of one function under construction: its open scopes, what each variable is, the vector loop, guards and register values.

Everything that emits code holds the frame: `index_emitter.py`, `memory_emitter.py`, `expression_emitter.py`, `statement_emitter.py`.
"""

import itertools
from dataclasses import dataclass, field

from llvmlite import ir

from compiler.codegen.llvm.affine import Affine, Atom, Terms
from compiler.codegen.llvm.kernel_module import KernelModule
from compiler.codegen.llvm.llvm_types import I64, Literal, constant, lane_numbers
from compiler.codegen.llvm.scope import Loop, Scope
from compiler.errors import CodegenError
from compiler.te import Buffer

# Some 6,000 fmas with their loads; LLVM takes 15 us per instruction and more, and such code is far beyond any instruction cache.
MAX_INSTRUCTIONS = 30_000


@dataclass(frozen=True, slots=True)
class Vector:
    """The vectorized loop being emitted; key is its identity."""

    name: str
    start: int
    lanes: int
    key: int


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a buffer lives. pointer: None for register values. private_lanes: lanes that each have a copy (allocated inside a vector loop).

    pieces: for register values, the lanes of each value by the offset of its first element.
    """

    buffer: Buffer
    pointer: ir.Value | None
    private_lanes: int = 0
    pieces: dict[int, int] = field(default_factory=dict)

    @property
    def element_count(self) -> int:
        count = max(self.private_lanes, 1)
        for extent in self.buffer.shape:
            count *= extent
        return count


class Frame:
    """ints: variables that are constants here (unrolled loops); variables: the others. registers: current value by (buffer, offset)."""

    def __init__(self, module: KernelModule, function: ir.Function) -> None:
        self.module = module
        self.function = function
        self.entry = Scope(function.append_basic_block("entry"), 0, (numbers := itertools.count()))
        self._numbers = numbers
        self.scopes = [Scope(function.append_basic_block("body"), 0, numbers)]
        self.scope = self.scopes[0]
        self.ints: dict[str, int] = {}
        self.variables: dict[str, Affine] = {}
        self.vector: Vector | None = None
        self.guards: tuple[ir.Value, ...] = ()
        self.registers: dict[tuple[str, int], ir.Value] = {}
        self.storages: dict[str, Storage] = {}

    @property
    def lanes(self) -> int:
        return self.vector.lanes if self.vector else 0

    def finish(self) -> None:
        """Close the function's body."""
        self.scope.ret_void()
        self.entry.branch(self.function.blocks[1])

    def push_scope(self, block: ir.Block, loop: Loop | None = None) -> Scope:
        self.check_size()
        self.scope = Scope(block, len(self.scopes), self._numbers, loop)
        self.scopes.append(self.scope)
        return self.scope

    def pop_scope(self) -> Scope:
        closed = self.scopes.pop()
        closed.closed = True
        self.scope = self.scopes[-1]
        return closed

    def check_size(self) -> None:
        if next(self._numbers) > MAX_INSTRUCTIONS:
            raise CodegenError(f"{self.function.name} unrolls to more than {MAX_INSTRUCTIONS} instructions")

    def allocate(self, kind: ir.Type, count: int) -> ir.Value:
        """64-byte aligned memory on the stack of the function."""
        self.check_size()
        return self.entry.instruction(ir.PointerType(), f"alloca [{count} x {kind}], align 64")

    def atom(self, value: ir.Value, depth: int, low: int | None = None, high: int | None = None) -> Affine:
        """A scalar int64 that was emitted in the scope of `depth`, as an index value."""
        return Affine(0, ((Atom(value, depth) if low is None or high is None else Atom(value, depth, low, high), 1),))

    def scalar(self, value: Affine) -> ir.Value:
        """`value` without its lanes as an int64, each partial sum in the outermost scope that has its atoms."""
        if not value.terms:
            return constant(I64, value.constant)
        total = self._sum(value.terms)
        if not value.constant:
            return total
        home = self.scopes[value.terms[-1][0].depth]
        return home.once(("plus", value.terms, value.constant), lambda: home.arithmetic("add", total, constant(I64, value.constant)))

    def _sum(self, terms: Terms) -> ir.Value:
        atom, coefficient = terms[-1]
        home = self.scopes[atom.depth]

        def emit() -> ir.Value:
            term = atom.value
            if coefficient != 1:
                term = home.arithmetic("mul nsw", term, constant(I64, coefficient))
            return home.arithmetic("add", self._sum(terms[:-1]), term) if len(terms) > 1 else term

        return home.once(("sum", terms), emit)

    def pointer(self, storage: Storage, terms: Terms) -> ir.Value:
        """Address of the element number sum(terms) of `storage`: one step per scope, a loop's variable as a pointer that moves on."""
        if not terms:
            return storage.pointer
        depth = terms[-1][0].depth
        inner = next(position for position, (atom, _) in enumerate(terms) if atom.depth == depth)
        home, size = self.scopes[depth], storage.buffer.dtype.itemsize
        loop = home.loop
        index = loop.index if loop else None

        def emit() -> ir.Value:
            base = self.pointer(storage, terms[:inner])
            stride = sum(coefficient for atom, coefficient in terms[inner:] if atom.value is index)
            others = tuple((atom, coefficient) for atom, coefficient in terms[inner:] if atom.value is not index)
            if loop and stride:
                key = ("moving", id(storage.pointer), terms[:inner], stride)
                base = home.once(key, lambda: home.moving_pointer(loop, self._first(loop, depth, base, stride * size), stride * size))
            return home.advance(base, self._sum(others), size) if others else base

        return home.once(("pointer", id(storage.pointer), terms), emit)

    def _first(self, loop: Loop, depth: int, base: ir.Value, stride_bytes: int) -> ir.Value:
        """`base` moved on by `loop.start` strides, in the scope around the loop."""
        outer = self.scopes[depth - 1]
        if isinstance(loop.start, Literal):
            return outer.offset(base, int(loop.start.get_reference()) * stride_bytes)
        return outer.advance(base, outer.arithmetic("mul nsw", loop.start, constant(I64, stride_bytes)), 1)

    def lane_values(self, value: Affine) -> ir.Value:
        """`value` as a vector of int64 over the lanes of the vector loop."""
        base = self.scope.broadcast(self.scalar(Affine(value.constant, value.terms)), self.lanes)
        if not value.lane:
            return base
        numbers = lane_numbers(I64, self.lanes, value.lane)
        return numbers if not value.terms and not value.constant else self.scope.arithmetic("add", base, numbers)
