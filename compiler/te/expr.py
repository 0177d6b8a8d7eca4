"""Scalar expressions, shared by tensor expressions and the loop IR.

    Expr = Const(value, dtype)                    a number or a truth value
         | Var(name, dtype)                       a loop variable (int64)
         | Binary(op, a, b)                       see BINARY_OPS; comparisons and and/or give bool
         | Call(function, args)                   see FUNCTIONS; the dtype is the first argument's, but of truth values and of bits
         | Select(condition, then, otherwise)     both arms may be evaluated: loads in them must be in bounds or guarded by the condition
         | Cast(dtype, value)
         | Load(buffer, indices)
         | Reduce(combiner, value, axes)          only at the root of a `compute` body

All nodes are immutable and compare by structure. `floordiv` and `mod` round towards minus infinity on integers; their divisor is a
positive constant wherever they appear in an index.
"""

import operator
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from compiler.tensor_type import BOOL, FLOAT32, INT32, INT64

BinaryOp = Literal["add", "sub", "mul", "div", "floordiv", "mod", "min", "max", "pow", "lt", "le", "gt", "ge", "eq", "ne", "and", "or"]
Combiner = Literal["sum", "prod", "max", "min"]

BINARY_OPS = frozenset(get_args(BinaryOp))
COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or"})
FUNCTIONS = frozenset(
    {"exp", "log", "sqrt", "tanh", "erf", "sigmoid", "abs", "neg", "floor", "ceil", "round", "sign", "not", "sin", "cos", "tan"}
    | {"asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "isnan", "isinf"}
    | {"bits", "from_bits"}  # of a float32 the four bytes as an int32, and back
)
_RESULTS = {"isnan": BOOL, "isinf": BOOL, "not": BOOL, "bits": INT32, "from_bits": FLOAT32}


@dataclass(frozen=True, slots=True)
class Names:
    """Those of the variables and of the loaded buffers that occur in an expression.

    ordered: the variables, sorted. nodes: how many the expression has, shared ones counted as often as they are used.
    """

    variables: frozenset[str]
    buffers: frozenset[str]
    ordered: tuple[str, ...]
    nodes: int


class _Operators:
    """Python operators on expressions; plain numbers become constants of the other side's dtype.

    names: kept by `traverse.names_in` once it has found them. hash_value: kept by the nodes that hash a tree. Neither is part of the value.
    """

    __slots__ = ("hash_value", "names")
    hash_value: int
    names: Names

    def __add__(self, other: "Operand") -> "Expr":
        return binary("add", self, other)

    def __radd__(self, other: "Operand") -> "Expr":
        return binary("add", other, self)

    def __sub__(self, other: "Operand") -> "Expr":
        return binary("sub", self, other)

    def __rsub__(self, other: "Operand") -> "Expr":
        return binary("sub", other, self)

    def __mul__(self, other: "Operand") -> "Expr":
        return binary("mul", self, other)

    def __rmul__(self, other: "Operand") -> "Expr":
        return binary("mul", other, self)

    def __truediv__(self, other: "Operand") -> "Expr":
        return binary("div", self, other)

    def __rtruediv__(self, other: "Operand") -> "Expr":
        return binary("div", other, self)

    def __floordiv__(self, other: "Operand") -> "Expr":
        return binary("floordiv", self, other)

    def __mod__(self, other: "Operand") -> "Expr":
        return binary("mod", self, other)

    def __neg__(self) -> "Expr":
        return binary("sub", 0, self)

    def __lt__(self, other: "Operand") -> "Expr":
        return binary("lt", self, other)

    def __le__(self, other: "Operand") -> "Expr":
        return binary("le", self, other)

    def __gt__(self, other: "Operand") -> "Expr":
        return binary("gt", self, other)

    def __ge__(self, other: "Operand") -> "Expr":
        return binary("ge", self, other)


@dataclass(frozen=True, slots=True)
class Const(_Operators):
    value: bool | int | float
    dtype: np.dtype[Any] = INT64


@dataclass(frozen=True, slots=True)
class Var(_Operators):
    name: str
    dtype: np.dtype[Any] = INT64


@dataclass(frozen=True, slots=True)
class Binary(_Operators):
    op: BinaryOp
    a: "Expr"
    b: "Expr"

    @property
    def dtype(self) -> np.dtype[Any]:
        return BOOL if self.op in COMPARISONS else self.a.dtype

    def __hash__(self) -> int:
        """By structure, like the others'; kept, since sums and quotients are the keys of all index arithmetic."""
        try:
            return self.hash_value
        except AttributeError:
            found = hash((self.op, self.a, self.b))
            object.__setattr__(self, "hash_value", found)
            return found


@dataclass(frozen=True, slots=True)
class Call(_Operators):
    function: str
    args: tuple["Expr", ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        found = _RESULTS.get(self.function)
        return self.args[0].dtype if found is None else found


@dataclass(frozen=True, slots=True)
class Select(_Operators):
    condition: "Expr"
    then: "Expr"
    otherwise: "Expr"

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.then.dtype


@dataclass(frozen=True, slots=True)
class Cast(_Operators):
    dtype: np.dtype[Any]
    value: "Expr"


@dataclass(frozen=True, slots=True)
class Buffer:
    """Named storage, unique by name within a function.

    Scope: "global" (a parameter or the workspace; visible to every thread), "local" (scratch of one thread) or "register" (a few
    vectors whose indices are constants once unrolled; code generation keeps them in registers). GPU targets add theirs here.
    prefetch: how many bytes ahead of each vector that is loaded the cache is asked for what follows; 0: not at all.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any] = FLOAT32
    scope: str = "global"
    prefetch: int = 0


@dataclass(frozen=True, slots=True)
class Load(_Operators):
    buffer: Buffer
    indices: tuple["Expr", ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.buffer.dtype


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a `compute`: its variable's name and its extent; the range is [0, extent)."""

    name: str
    extent: int

    @property
    def var(self) -> Var:
        return Var(self.name)


@dataclass(frozen=True, slots=True)
class Reduce(_Operators):
    combiner: Combiner
    value: "Expr"
    axes: tuple[Axis, ...] = field(default=())

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype


Expr = Const | Var | Binary | Call | Select | Cast | Load | Reduce
Operand = Any  # an Expr, or a Python number


def as_expr(operand: Operand, dtype: np.dtype[Any]) -> Expr:
    """`operand` itself, or a constant of `dtype` for a Python or numpy number."""
    if isinstance(operand, bool | np.bool_):
        return Const(bool(operand), BOOL)
    if isinstance(operand, int | float | np.integer | np.floating):
        return Const(float(operand) if dtype.kind == "f" else bool(operand) if dtype.kind == "b" else int(operand), dtype)
    if isinstance(operand, Axis):
        return operand.var
    expr: Expr = operand
    return expr


_FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "min": min,
    "max": max,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
    "and": lambda x, y: x and y,
    "or": lambda x, y: x or y,
}


def binary(op: BinaryOp, a: Operand, b: Operand) -> Expr:
    """`a op b`; integer and truth constants are folded, and neutral elements of index arithmetic are dropped."""
    if isinstance(a, _Operators) and isinstance(b, _Operators):
        x, y = typing.cast(Expr, a), typing.cast(Expr, b)
    else:
        dtype = a.dtype if hasattr(a, "dtype") and not isinstance(a, np.generic) else getattr(b, "dtype", INT64)
        x, y = as_expr(a, dtype), as_expr(b, dtype)
    if not (isinstance(x, Const) or isinstance(y, Const)) or x.dtype.kind == "f":
        return Binary(op, x, y)
    return _fold(op, x, y)


def _fold(op: BinaryOp, x: Expr, y: Expr) -> Expr:
    """`x op y` on integers or truth values, at least one of them constant."""
    if isinstance(x, Const) and isinstance(y, Const) and op in _FOLDS and not (op in ("floordiv", "mod") and y.value == 0):
        value = _FOLDS[op](x.value, y.value)
        return Const(bool(value), BOOL) if op in COMPARISONS else Const(value, x.dtype)
    if isinstance(y, Const):
        if (y.value == 0 and op in ("add", "sub")) or (y.value == 1 and op in ("mul", "floordiv")):
            return x
        if (y.value == 0 and op == "mul") or (y.value == 1 and op == "mod"):
            return Const(0, x.dtype)
        if op in ("and", "or"):
            return (x if y.value else y) if op == "and" else (y if y.value else x)
    if isinstance(x, Const):
        if (x.value == 0 and op == "add") or (x.value == 1 and op == "mul"):
            return y
        if x.value == 0 and op == "mul":
            return Const(0, y.dtype)
        if op in ("and", "or"):
            return (y if x.value else x) if op == "and" else (x if x.value else y)
    return Binary(op, x, y)


def equal(a: Operand, b: Operand) -> Expr:
    return binary("eq", a, b)


def not_equal(a: Operand, b: Operand) -> Expr:
    return binary("ne", a, b)


def logical_and(*conditions: Operand) -> Expr:
    """Conjunction; `Const(True)` of nothing."""
    result: Expr = Const(True, BOOL)
    for condition in conditions:
        result = binary("and", result, condition)
    return result


def logical_or(a: Operand, b: Operand) -> Expr:
    return binary("or", a, b)


def minimum(a: Operand, b: Operand) -> Expr:
    return binary("min", a, b)


def maximum(a: Operand, b: Operand) -> Expr:
    return binary("max", a, b)


def power(a: Operand, b: Operand) -> Expr:
    return binary("pow", a, b)


def call(function: str, *args: Expr) -> Expr:
    if function not in FUNCTIONS:
        raise ValueError(f"unknown function {function!r}; known: {', '.join(sorted(FUNCTIONS))}")
    return Call(function, args)


def select(condition: Operand, then: Operand, otherwise: Operand) -> Expr:
    """`then` where `condition` holds, else `otherwise`; a number takes the dtype of the other arm."""
    dtype = then.dtype if hasattr(then, "dtype") else getattr(otherwise, "dtype", FLOAT32)
    test, x, y = as_expr(condition, BOOL), as_expr(then, dtype), as_expr(otherwise, dtype)
    if isinstance(test, Const):
        return x if test.value else y
    return Select(test, x, y)


def cast(dtype: np.dtype[Any], value: Expr) -> Expr:
    return value if value.dtype == dtype else Cast(dtype, value)
