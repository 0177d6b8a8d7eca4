"""Integer expressions -> index values (`affine.py`) while code is emitted, with every quotient and remainder that ranges decide left out.

In: int64 expressions, and the flat offsets of accesses. Out: an `Affine`, or None where the value differs between lanes in a way that is
not linear. Next: `memory_emitter.py` makes addresses of them, `expression_emitter.py` values and conditions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from compiler.codegen.llvm.affine import UNBOUNDED, Affine, bounds, combine, split_by
from compiler.codegen.llvm.frame import Frame
from compiler.codegen.llvm.llvm_types import I64, constant, lanes_of
from compiler.codegen.llvm.scope import Instruction
from compiler.errors import CodegenError
from compiler.loop_ir import Linear, linear
from compiler.te import Binary, Buffer, Const, Expr, Select, Var, names_in

Evaluate = Callable[[Expr], ir.Value]
Decide = Callable[[Expr], Any]


@dataclass(frozen=True, slots=True)
class Form:
    """A linear form that is made once per expression: variables by name, and sub-expressions that are not linear."""

    constant: int
    variables: tuple[tuple[str, int], ...]
    nonlinear: tuple[tuple[Expr, int], ...]
    names: frozenset[str]  # every variable in `nonlinear`
    buffers: frozenset[str]  # every buffer loaded in it


def make_form(expr: Expr) -> Form:
    return form_of(linear(expr))


def form_of(found: Linear) -> Form:
    variables = tuple((atom.name, factor) for atom, factor in found.terms if isinstance(atom, Var))
    nonlinear = tuple((atom, factor) for atom, factor in found.terms if not isinstance(atom, Var))
    inside = [names_in(atom) for atom, _ in nonlinear]
    names = frozenset[str]().union(*[each.variables for each in inside])
    buffers = frozenset[str]().union(*[each.buffers for each in inside])
    return Form(found.constant, variables, nonlinear, names, buffers)


def flat_index(buffer: Buffer, indices: Sequence[Expr]) -> Linear:
    """The row-major offset in elements."""
    offset = linear(indices[0]) if indices else Linear((), 0)
    for index, extent in zip(indices[1:], buffer.shape[1:], strict=True):
        offset = offset.times(extent).plus(linear(index))
    return offset


class IndexEmitter:
    """evaluate and decide: `ExpressionEmitter.value` and `.condition`, for what stands below an index and is no index."""

    def __init__(self, frame: Frame, evaluate: Evaluate, decide: Decide) -> None:
        self._frame = frame
        self._evaluate = evaluate
        self._decide = decide
        self._forms: dict[int, tuple[Expr, Form]] = {}

    def index(self, expr: Expr) -> Affine | None:
        if isinstance(expr, Const):
            return Affine(int(expr.value))
        return self.evaluate(self.form(expr))

    def form(self, expr: Expr) -> Form:
        found = self._forms.get(id(expr))
        if found is None:
            found = self._forms[id(expr)] = (expr, make_form(expr))
        return found[1]

    def evaluate(self, form: Form) -> Affine | None:
        ints, variables = self._frame.ints, self._frame.variables
        total = form.constant
        parts: list[tuple[Affine, int]] = []
        for name, factor in form.variables:
            value = ints.get(name)
            if value is None:
                parts.append((variables[name], factor))
            else:
                total += factor * value
        for expr, factor in form.nonlinear:
            part = self._nonlinear(expr)
            if part is None:
                return None
            parts.append((part, factor))
        return combine(parts, total) if parts else Affine(total)

    def by_lane(self, form: Form) -> list[Affine]:
        """The value in each lane of the vector loop, whose variable is a constant for each."""
        frame, vector = self._frame, self._frame.vector
        if vector is None:
            raise CodegenError("an index differs between lanes outside a vectorized loop")
        found: list[Affine] = []
        frame.vector = None
        for lane in range(vector.start, vector.start + vector.lanes):
            frame.ints[vector.name] = lane
            value = self.evaluate(form)
            if value is None or value.lane:
                raise CodegenError(f"the index {form} is not a scalar in lane {lane}")
            found.append(value)
        del frame.ints[vector.name]
        frame.vector = vector
        return found

    def lane_values(self, expr: Expr) -> ir.Value:
        """The value in each lane as a vector of int64."""
        value = self.index(expr)
        return self._frame.scope.broadcast(self._evaluate(expr), self._frame.lanes) if value is None else self._frame.lane_values(value)

    def _nonlinear(self, expr: Expr) -> Affine | None:
        match expr:
            case Binary("floordiv", a, Const(divisor)) if divisor > 0:
                return self._quotient(self.index(a), int(divisor))
            case Binary("mod", a, Const(divisor)) if divisor > 0:
                return self._remainder(self.index(a), int(divisor))
            case Binary("min" | "max" as op, a, b):
                return self._extremum(op, self.index(a), self.index(b))
            case Binary("mul", a, b):
                return self._product(self.index(a), self.index(b))
            case Select(condition, then, otherwise):
                decided = self._decide(condition) if not self._varies(condition) else None
                if isinstance(decided, bool):
                    return self.index(then if decided else otherwise)
        if self._varies(expr):
            return None
        value = self._evaluate(expr)
        return None if lanes_of(value.type) else self._atom_of(value)  # under a mask even a load of one element has lanes

    def _varies(self, expr: Expr) -> bool:
        """Whether the lanes of the vector loop may differ in `expr`."""
        vector = self._frame.vector
        if vector is None:
            return False
        form = self.form(expr)
        if vector.name in form.names or any(name == vector.name for name, _ in form.variables):
            return True
        return any(self._frame.storages[name].private_lanes for name in form.buffers)

    def _atom_of(self, value: ir.Value, low: int = -UNBOUNDED, high: int = UNBOUNDED) -> Affine:
        """A scalar that was emitted just now, or found again in an outer scope."""
        home = value.home if isinstance(value, Instruction) and not value.home.closed else self._frame.scope
        depth = home.depth
        found: Affine = home.once(("atom", value.get_reference()), lambda: self._frame.atom(value, depth, low, high))
        return found

    def _quotient(self, value: Affine | None, divisor: int) -> Affine | None:
        if value is None:
            return None
        whole, rest = split_by(value, divisor)
        low, high = bounds(rest, self._frame.lanes)
        if low // divisor == high // divisor:
            return combine([(whole, 1)], low // divisor)
        if rest.lane:
            return None
        quotient = self._divided("div", rest, divisor, low)
        return combine([(whole, 1), (self._atom_of(quotient, low // divisor, high // divisor), 1)])

    def _remainder(self, value: Affine | None, divisor: int) -> Affine | None:
        if value is None:
            return None
        _, rest = split_by(value, divisor)
        low, high = bounds(rest, self._frame.lanes)
        if low // divisor == high // divisor:
            return combine([(rest, 1)], -divisor * (low // divisor))
        if rest.lane:
            return None
        return self._atom_of(self._divided("rem", rest, divisor, low), 0, divisor - 1)

    def _divided(self, part: str, value: Affine, divisor: int, low: int) -> ir.Value:
        """Quotient ("div") or remainder ("rem") of a scalar, rounding towards minus infinity; `low` bounds it from below."""
        operand, by = self._frame.scalar(value), constant(I64, divisor)
        home = self._frame.scopes[value.terms[-1][0].depth]

        def emit() -> ir.Value:
            if divisor & (divisor - 1) == 0:
                shift, mask = constant(I64, divisor.bit_length() - 1), constant(I64, divisor - 1)
                return home.arithmetic("ashr", operand, shift) if part == "div" else home.arithmetic("and", operand, mask)
            if low >= 0:
                return home.arithmetic(f"u{part}", operand, by)
            rest = home.arithmetic("srem", operand, by)
            negative = home.compare("icmp slt", rest, constant(I64, 0))
            if part == "rem":
                return home.choose(negative, home.arithmetic("add", rest, by), rest)
            return home.arithmetic("sub", home.arithmetic("sdiv", operand, by), home.convert("zext", negative, I64))

        return home.once((part, value, divisor), emit)

    def _extremum(self, op: str, a: Affine | None, b: Affine | None) -> Affine | None:
        if a is None or b is None:
            return None
        low, high = bounds(combine([(a, 1), (b, -1)]), self._frame.lanes)
        if low >= 0 or high <= 0:
            return b if (low >= 0) == (op == "min") else a
        if a.lane or b.lane:
            return None
        pick = min if op == "min" else max
        ends = [pick(ends) for ends in zip(bounds(a, 0), bounds(b, 0), strict=True)]
        depth = max((terms[-1][0].depth for terms in (a.terms, b.terms) if terms), default=0)
        home = self._frame.scopes[depth]
        x, y = self._frame.scalar(a), self._frame.scalar(b)
        function = self._frame.module.declare(f"llvm.s{op}.i64", I64, [I64, I64])
        return self._atom_of(home.once((op, a, b), lambda: home.intrinsic(function, I64, x, y)), ends[0], ends[1])

    def _product(self, a: Affine | None, b: Affine | None) -> Affine | None:
        if a is None or b is None:
            return None
        for x, y in ((a, b), (b, a)):
            if x.is_constant:
                return combine([(y, x.constant)])
        if a.lane or b.lane:
            return None
        home = self._frame.scopes[max(a.terms[-1][0].depth, b.terms[-1][0].depth)]
        x, y = self._frame.scalar(a), self._frame.scalar(b)
        return self._atom_of(home.once(("mul", a, b), lambda: home.arithmetic("mul", x, y)))
