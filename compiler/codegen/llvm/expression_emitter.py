"""Expressions of the loop IR -> LLVM values. Used by `statement_emitter.py`; indices go to `index_emitter.py`, loads to `memory_emitter.py`

What an expression turns into is decided once per node, as a closure that the unrolled copies call. A value is a scalar where all lanes of
the vector loop agree, else a vector. `x + a*b` becomes one fused multiply-add where the target has it: the only liberty with rounding.
"""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from llvmlite import ir

from compiler.codegen.llvm.affine import UNBOUNDED, Affine, bounds, combine
from compiler.codegen.llvm.arithmetic import cast, compare, float_binary, integer_binary
from compiler.codegen.llvm.frame import Frame
from compiler.codegen.llvm.functions import emit_function, emit_power
from compiler.codegen.llvm.index_emitter import IndexEmitter
from compiler.codegen.llvm.llvm_types import I1, I32, Dtype, constant, lane_numbers, lanes_of, value_type, vector_of
from compiler.codegen.llvm.memory_emitter import MemoryEmitter
from compiler.codegen.llvm.scope import operand
from compiler.errors import CodegenError
from compiler.te import COMPARISONS, Binary, Call, Cast, Const, Expr, Load, Select, Var, names_in
from compiler.tensor_type import INT64

Condition: TypeAlias = bool | Any
Plan = Callable[[], ir.Value]

_FLIPPED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_DECIDE: dict[str, Callable[[int, int], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}
_NARROW = 1 << 30


class ExpressionEmitter:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self.indices = IndexEmitter(frame, self.value, self.condition)
        self.memory = MemoryEmitter(frame, self.indices)
        self._plans: dict[int, tuple[Expr, Plan]] = {}

    def value(self, expr: Expr) -> ir.Value:
        return self.plan(expr)()

    def plan(self, expr: Expr) -> Plan:
        """What emits `expr`, each time that it is called."""
        found = self._plans.get(id(expr))
        if found is None:
            found = self._plans[id(expr)] = (expr, self._plan(expr))
        return found[1]

    def _plan(self, expr: Expr) -> Plan:
        match expr:
            case Const(value, dtype):
                known = constant(value_type(dtype), value)
                return lambda: known
            case Load():
                return partial(self.memory.load, expr)
            case Binary():
                return self._plan_binary(expr)
            case Var():
                return partial(self._integer, expr, None)
            case Select():
                return partial(self._select, expr)
            case Cast(dtype, value):
                return partial(self._cast, dtype, value)
            case Call(function, args) if expr.dtype.kind == "b":
                return partial(self._truth, expr)
            case Call(function, args):
                return partial(self._call, function, args[0])
        raise CodegenError(f"{type(expr).__name__} cannot stand in a lowered function")

    def _plan_binary(self, expr: Binary) -> Plan:
        op, a, b, dtype = expr.op, expr.a, expr.b, expr.a.dtype
        if op in COMPARISONS:
            return partial(self._truth, expr)
        divides = op in ("floordiv", "mod") and isinstance(b, Const) and b.value > 0
        if dtype == INT64 and (divides or op in ("add", "sub", "mul", "min", "max")):
            return partial(self._integer, expr, partial(self._integer_binary, op, dtype, a, b))
        if dtype.kind != "f":
            return partial(self._integer_binary, op, dtype, a, b)
        if op == "pow":
            return lambda: emit_power(self._frame.scope, self._frame.module, *self._operands(a, b))
        if self._frame.module.has_fma and dtype.itemsize >= 4 and op in ("add", "sub"):
            if isinstance(b, Binary) and b.op == "mul":
                return self._plan_fused(b.a, b.b, a, op == "sub", False)
            if isinstance(a, Binary) and a.op == "mul":
                return self._plan_fused(a.a, a.b, b, False, op == "sub")
        return lambda: float_binary(self._frame.scope, self._frame.module, op, *self._operands(a, b))

    def _operands(self, a: Expr, b: Expr) -> tuple[ir.Value, ir.Value]:
        x, y = self.value(a), self.value(b)
        return self._alike(x, y)

    def _alike(self, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Both scalar or both vectors."""
        lanes = lanes_of(x.type) or lanes_of(y.type)
        if not lanes:
            return x, y
        return self._frame.scope.broadcast(x, lanes), self._frame.scope.broadcast(y, lanes)

    def _plan_fused(self, a: Expr, b: Expr, c: Expr, negate_product: bool, negate_sum: bool) -> Plan:
        """a*b + c with the product or c negated."""
        frame, plan_x, plan_y, plan_z = self._frame, self.plan(a), self.plan(b), self.plan(c)

        def emit() -> ir.Value:
            z, x, y = plan_z(), plan_x(), plan_y()
            scope = frame.scope
            lanes = lanes_of(x.type) or lanes_of(y.type) or lanes_of(z.type)
            if lanes:
                x, y, z = scope.broadcast(x, lanes), scope.broadcast(y, lanes), scope.broadcast(z, lanes)
            if negate_product:
                x = scope.instruction(x.type, f"fneg {operand(x)}")
            if negate_sum:
                z = scope.instruction(z.type, f"fneg {operand(z)}")
            return scope.instruction(z.type, f"{frame.module.fma(z.type)}({operand(x)}, {operand(y)}, {operand(z)})")

        return emit

    def _integer_binary(self, op: str, dtype: Dtype, a: Expr, b: Expr) -> ir.Value:
        x, y = self._operands(a, b)
        scope = self._frame.scope
        return scope.once((op, dtype, operand(x), operand(y)), lambda: integer_binary(scope, self._frame.module, op, dtype, x, y))

    def _integer(self, expr: Expr, otherwise: Plan | None) -> ir.Value:
        """An int64: by way of its linear form, or of its operands where lanes differ in another way."""
        found = self.indices.index(expr)
        if found is not None:
            return self._frame.lane_values(found) if found.lane else self._frame.scalar(found)
        if otherwise is None:
            raise CodegenError(f"{expr} has no value")
        return otherwise()

    def _cast(self, dtype: Dtype, expr: Expr) -> ir.Value:
        value, scope = self.value(expr), self._frame.scope
        return scope.once(("cast", dtype, operand(value)), lambda: cast(scope, value, expr.dtype, dtype))

    def _call(self, function: str, argument: Expr) -> ir.Value:
        value, scope = self.value(argument), self._frame.scope
        return scope.once((function, operand(value)), lambda: emit_function(scope, self._frame.module, function, argument.dtype, value))

    def _truth(self, expr: Expr) -> ir.Value:
        found = self.condition(expr)
        return constant(I1, found) if isinstance(found, bool) else found

    def condition(self, expr: Expr) -> Condition:
        """True or False where that is known here, else an i1 or a vector of them."""
        match expr:
            case Const(value):
                return bool(value)
            case Binary("and" | "or" as op, a, b):
                return self._connective(op, a, b)
            case Binary(op, a, b) if op in COMPARISONS:
                if a.dtype == INT64:
                    x, y = self.indices.index(a), self.indices.index(b)
                    if x is not None and y is not None:
                        return self._compare_indices(op, x, y)
                return compare(self._frame.scope, op, a.dtype, *self._operands(a, b))
            case Call("not", (a,)):
                found = self.condition(a)
                return not found if isinstance(found, bool) else self._negation(found)
            case Call("isnan" | "isinf" as function, (a,)):
                return emit_function(self._frame.scope, self._frame.module, function, a.dtype, self.value(a))
        return self.value(expr)

    def _connective(self, op: str, a: Expr, b: Expr) -> Condition:
        """The right side is evaluated where it matters only, since its loads may rely on the left side."""
        x = self.condition(a)
        if isinstance(x, bool):
            return self.condition(b) if x == (op == "and") else x
        if names_in(b).buffers:
            with_guard = x if op == "and" else self._negation(x)
            y = self._guarded(with_guard, lambda: self.condition(b))
        else:
            y = self.condition(b)
        if isinstance(y, bool):
            return x if y == (op == "and") else y
        x, y = self._alike(x, y)
        scope = self._frame.scope
        return scope.once((op, x.get_reference(), y.get_reference()), lambda: scope.arithmetic(op, x, y))

    def _compare_indices(self, op: str, a: Affine, b: Affine) -> Condition:
        if a.is_constant and b.is_constant:
            return _DECIDE[op](a.constant, b.constant)
        difference = combine([(a, 1), (b, -1)])
        low, high = bounds(difference, self._frame.lanes)
        always = {"lt": high < 0, "le": high <= 0, "gt": low > 0, "ge": low >= 0, "eq": low == high == 0, "ne": low > 0 or high < 0}
        never = {"lt": low >= 0, "le": low > 0, "gt": high <= 0, "ge": high < 0, "eq": low > 0 or high < 0, "ne": low == high == 0}
        if always[op] or never[op]:
            return always[op]
        if difference.lane:
            return self._compare_lanes(op, difference, max(-low, high))
        depth = max((value.terms[-1][0].depth for value in (a, b) if value.terms), default=0)
        home = self._frame.scopes[depth]
        x, y = self._frame.scalar(a), self._frame.scalar(b)
        return home.once((op, a, b), lambda: compare(home, op, INT64, x, y))

    def _compare_lanes(self, op: str, difference: Affine, largest: int) -> ir.Value:
        """difference op 0, with the lanes on one side: lane * k op -rest, in int32 where everything fits."""
        scope, lanes = self._frame.scope, self._frame.lanes
        rest = combine([(Affine(difference.constant, difference.terms), -1)])
        if largest >= UNBOUNDED:
            values = self._frame.lane_values(difference)
            return scope.once((op, difference, lanes), lambda: compare(scope, op, INT64, values, constant(values.type, 0)))
        if largest + abs(difference.lane) * lanes >= _NARROW:
            limit = scope.broadcast(self._frame.scalar(rest), lanes)
            numbers = lane_numbers(ir.IntType(64), lanes, difference.lane)
        elif rest.terms:
            limit = scope.broadcast(scope.convert("trunc", self._frame.scalar(rest), I32), lanes)
            numbers = lane_numbers(I32, lanes, difference.lane)
        else:
            limit = constant(vector_of(I32, lanes), rest.constant)
            numbers = lane_numbers(I32, lanes, difference.lane)
        return scope.once((op, difference, lanes), lambda: compare(scope, op, INT64, numbers, limit))

    def _negation(self, condition: ir.Value) -> ir.Value:
        scope = self._frame.scope
        return scope.once(("not", condition.get_reference()), lambda: scope.arithmetic("xor", condition, constant(condition.type, -1)))

    def _guarded(self, guard: ir.Value, emit: Callable[[], Condition]) -> Condition:
        frame = self._frame
        saved = frame.guards
        frame.guards = (*saved, guard)
        result = emit()
        frame.guards = saved
        return result

    def _select(self, expr: Select) -> ir.Value:
        condition = self.condition(expr.condition)
        if isinstance(condition, bool):
            return self.value(expr.then if condition else expr.otherwise)
        then = self._arm(condition, expr.then)
        if self._is_zero_filled(expr):
            return then
        otherwise = self._arm(self._negation(condition), expr.otherwise) if names_in(expr.otherwise).buffers else self.value(expr.otherwise)
        then, otherwise = self._alike(then, otherwise)
        lanes = lanes_of(condition.type)
        if lanes and not lanes_of(then.type):
            then, otherwise = self._frame.scope.broadcast(then, lanes), self._frame.scope.broadcast(otherwise, lanes)
        return self._frame.scope.choose(condition, then, otherwise)

    def _arm(self, guard: ir.Value, expr: Expr) -> ir.Value:
        return self._guarded(guard, lambda: self.value(expr)) if names_in(expr).buffers else self.value(expr)

    def _is_zero_filled(self, expr: Select) -> bool:
        """Select(condition, load, 0): the guarded load is 0 already where the condition does not hold."""
        if not isinstance(expr.then, Load) or not isinstance(expr.otherwise, Const) or expr.otherwise.value != 0:
            return False
        return self._frame.storages[expr.then.buffer.name].pointer is not None
