"""One nesting level of the code being emitted: the builder at its open end, and what has been computed there already.

A scope is a function's body, a loop's body or a guarded block. While an inner scope is emitted, the outer ones stay open at the point where
the inner one was entered, which dominates it; so a value that depends on outer variables only is appended there, and is found there again.

An instruction is written as text right away: llvmlite's own take 14 us each, from creation to text (Zen 5), these 2 us, and a candidate has
thousands. Blocks, phis and branches are llvmlite's.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from compiler.codegen.llvm.llvm_types import I1, I32, POINTER, Literal, lanes_of, vector_of


class Instruction(ir.Value):  # type: ignore[misc]
    """A finished instruction. operand: its type and name; home: the scope whose open end it was appended to; splat: the vector of copies
    of it, once made."""

    __slots__ = ("_reference", "_text", "home", "operand", "splat", "type")

    def __init__(self, kind: ir.Type, reference: str, text: str, home: "Scope") -> None:
        self.type = kind
        self.home = home
        self.splat: ir.Value | None = None
        self.operand = f"{kind} {reference}"
        self._reference = reference
        self._text = text

    def get_reference(self) -> str:
        return self._reference

    def __str__(self) -> str:
        return self._text


def operand(value: ir.Value) -> str:
    """`value` with its type, as instructions spell their operands."""
    return value.operand if isinstance(value, Instruction | Literal) else f"{value.type} {value.get_reference()}"


@dataclass(slots=True)
class Loop:
    """A loop whose body is a scope; it runs at least once.

    before: the block that enters it; index: the phi that counts from `start`; stored: the buffers that are written while it runs;
    pointers: phis that move on by so many bytes from one iteration to the next.
    """

    before: ir.Block
    start: ir.Value
    stored: frozenset[str]
    index: ir.Value = None
    pointers: list[tuple[ir.Value, int]] = field(default_factory=list)


class Scope(ir.IRBuilder):  # type: ignore[misc]
    """loop: the loop whose body this is, None for a function's body or a guarded block."""

    def __init__(self, block: ir.Block, depth: int, numbers: Iterator[int], loop: Loop | None = None) -> None:
        super().__init__(block)
        self.depth = depth
        self.head = block
        self.loop = loop
        self.closed = False
        self.hoisted_loads = 0
        self.values: dict[Hashable, ir.Value] = {}
        self.loads: dict[str, dict[Hashable, ir.Value]] = {}
        self.accesses: dict[tuple[int, int], Any] = {}
        self._numbers = numbers

    def once(self, key: Hashable, emit: Callable[[], ir.Value]) -> ir.Value:
        """The value emitted here under `key` before, or `emit()`, whose instructions must go to this scope."""
        found = self.values.get(key)
        if found is None:
            found = self.values[key] = emit()
        return found

    def instruction(self, kind: ir.Type, text: str) -> ir.Value:
        reference = f"%t{next(self._numbers)}"
        found = Instruction(kind, reference, f"{reference} = {text}", self)
        self._insert(found)
        return found

    def statement(self, text: str) -> None:
        """An instruction without a result."""
        self._insert(Instruction(POINTER, "", text, self))

    def offset(self, pointer: ir.Value, size_bytes: int) -> ir.Value:
        if size_bytes == 0:
            return pointer
        return self.instruction(POINTER, f"getelementptr i8, {operand(pointer)}, i64 {size_bytes}")

    def advance(self, pointer: ir.Value, index: ir.Value, element_bytes: int) -> ir.Value:
        kind = f"i{8 * element_bytes}"
        return self.instruction(POINTER, f"getelementptr {kind}, {operand(pointer)}, {operand(index)}")

    def moving_pointer(self, loop: Loop, start: ir.Value, step_bytes: int) -> ir.Value:
        """A phi at the head of this scope's loop: `start`, and `step_bytes` further in each iteration."""
        phi = ir.PhiInstr(self.head, POINTER, "")
        phi.add_incoming(start, loop.before)
        self.head.instructions.insert(0, phi)
        if self.block is self.head:
            self.position_at_end(self.head)
        loop.pointers.append((phi, step_bytes))
        return phi

    def load_value(self, kind: ir.Type, pointer: ir.Value, align: int) -> ir.Value:
        return self.instruction(kind, f"load {kind}, {operand(pointer)}, align {align}")

    def store_value(self, value: ir.Value, pointer: ir.Value, align: int) -> None:
        self.statement(f"store {operand(value)}, {operand(pointer)}, align {align}")

    def intrinsic(self, function: ir.Function, kind: ir.Type, *arguments: ir.Value) -> ir.Value:
        """A call of `function`, which returns `kind`."""
        given = ", ".join(map(operand, arguments))
        return self.instruction(kind, f"call {kind} {function.get_reference()}({given})")

    def arithmetic(self, opcode: str, a: ir.Value, b: ir.Value) -> ir.Value:
        """A binary instruction: fadd, fmul, add, and, ..."""
        kind = a.type
        return self.instruction(kind, f"{opcode} {operand(a)}, {b.get_reference()}")

    def compare(self, predicate: str, a: ir.Value, b: ir.Value) -> ir.Value:
        """predicate: `fcmp olt`, `icmp slt`, ..."""
        kind = vector_of(I1, lanes_of(a.type))
        return self.instruction(kind, f"{predicate} {operand(a)}, {b.get_reference()}")

    def choose(self, condition: ir.Value, then: ir.Value, otherwise: ir.Value) -> ir.Value:
        return self.instruction(then.type, f"select {operand(condition)}, {operand(then)}, {operand(otherwise)}")

    def convert(self, opcode: str, value: ir.Value, kind: ir.Type) -> ir.Value:
        """A conversion: sitofp, trunc, bitcast, ..."""
        return value if value.type == kind else self.instruction(kind, f"{opcode} {operand(value)} to {kind}")

    def broadcast(self, value: ir.Value, lanes: int) -> ir.Value:
        """`value` in every lane; a vector stays itself. The copies are made where the scalar is, for every loop inside that scope."""
        if isinstance(value.type, ir.VectorType):
            return value
        kind = vector_of(value.type, lanes)
        if isinstance(value, Literal):
            return Literal(kind, f"splat ({operand(value)})")
        if not isinstance(value, Instruction) or value.home.closed:
            return self.once(("splat", value.get_reference(), lanes), lambda: self._splat(value, kind))
        if value.splat is None or value.splat.type.count != lanes:
            value.splat = value.home._splat(value, kind)
        return value.splat

    def _splat(self, value: ir.Value, kind: ir.Type) -> ir.Value:
        first = self.instruction(kind, f"insertelement {kind} poison, {operand(value)}, i64 0")
        return self.instruction(kind, f"shufflevector {operand(first)}, {operand(first)}, <{kind.count} x i32> zeroinitializer")

    def shuffle(self, a: ir.Value, b: ir.Value, lanes: list[int]) -> ir.Value:
        kind = vector_of(a.type.element, len(lanes))
        numbers = f"<{', '.join(f'{I32} {lane}' for lane in lanes)}>"
        return self.instruction(kind, f"shufflevector {operand(a)}, {operand(b)}, <{len(lanes)} x i32> {numbers}")

    def lane(self, value: ir.Value, number: int) -> ir.Value:
        """One lane of a vector; a scalar stays itself."""
        if not isinstance(value.type, ir.VectorType):
            return value
        return self.instruction(value.type.element, f"extractelement {operand(value)}, i64 {number}")

    def assemble(self, lanes: list[ir.Value]) -> ir.Value:
        """A vector of scalars."""
        kind = vector_of(lanes[0].type, len(lanes))
        result = Literal(kind, "poison")
        for number, value in enumerate(lanes):
            result = self.instruction(kind, f"insertelement {operand(result)}, {operand(value)}, i64 {number}")
        return result
