"""Element-wise functions of several tensors, whose shapes broadcast by numpy's rules (any ranks).

Operators and attributes
    add sub mul, minimum maximum                      two tensors of one dtype, floats or integers
    div                                               integers are truncated towards zero, as in ONNX
    pow                                               the result has the base's dtype; the exponent may have another
    mod: fmod (bool)                                  fmod: the dividend's sign (floats need it), otherwise the divisor's
    equal not_equal less less_equal greater greater_equal      to bool; equal and not_equal take bools too
    and or xor                                        bools
    prelu                                             inputs x, slope; slope broadcasts to x's shape, which stays
    where                                             inputs condition (bool), x, y

None but `mod` has attributes. Next: `reduce.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64, narrow, widen
from compiler.ops.type_rules import broadcast_shape, load_broadcast, require, require_count, require_kind, require_same_dtype
from compiler.te import Expr, Tensor, binary, cast, compute, equal, logical_and, logical_or, maximum, minimum, not_equal, power, select
from compiler.tensor_type import BOOL, TensorType

Expression = Callable[[Expr, Expr, Attributes], Expr]
NumpyFunction = Callable[[Array, Array, Attributes], Array]


def _elements(expression: Expression) -> Callable[[str, Sequence[Tensor], Attributes], tuple[Tensor, ...]]:
    """The `compute` of a binary operator."""

    def stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
        a, b = inputs
        shape = broadcast_shape(stage, [a.type, b.type])
        return (compute(shape, lambda *index: expression(load_broadcast(a, index), load_broadcast(b, index), attributes), stage),)

    return stages


def _register_arithmetic(name: str, expression: Expression, function: NumpyFunction, kinds: str = "fi") -> None:
    def infer_types(inputs: Sequence[TensorType], _: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 2)
        require_kind(name, inputs, kinds)
        require_same_dtype(name, inputs)
        return (TensorType(broadcast_shape(name, inputs), inputs[0].dtype),)

    reference = in_float64(lambda arrays, attributes: function(arrays[0], arrays[1], attributes))
    register_operator(Operator(name, FusionKind.ELEMENTWISE, infer_types, _elements(expression), reference))


def _register_comparison(name: str, expression: Expression, function: NumpyFunction, kinds: str) -> None:
    def infer_types(inputs: Sequence[TensorType], _: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 2)
        require_kind(name, inputs, kinds)
        require_same_dtype(name, inputs)
        return (TensorType(broadcast_shape(name, inputs), BOOL),)

    def reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
        return (narrow(function(arrays[0], arrays[1], attributes), BOOL),)

    register_operator(Operator(name, FusionKind.ELEMENTWISE, infer_types, _elements(expression), reference))


def _truncated_division(a: Array, b: Array, _: Attributes) -> Array:
    """Floats divide; integers truncate, and a quotient by zero is left as numpy makes it."""
    if a.dtype.kind == "f":
        quotient: Array = a / b
        return quotient
    truncated: Array = np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))
    return truncated


def _pow_types(inputs: Sequence[TensorType], _: Attributes) -> tuple[TensorType, ...]:
    require_count("pow", inputs, 2)
    require_kind("pow", inputs, "fi")
    return (TensorType(broadcast_shape("pow", inputs), inputs[0].dtype),)


def _pow(base: Expr, exponent: Expr, _: Attributes) -> Expr:
    """An integer base to a floating-point exponent is computed in float and truncated."""
    if base.dtype.kind == "i" and exponent.dtype.kind == "f":
        return cast(base.dtype, power(cast(exponent.dtype, base), exponent))
    return power(base, cast(base.dtype, exponent))


def _pow_array(base: Array, exponent: Array) -> Array:
    if base.dtype.kind == "i" and exponent.dtype.kind == "i":
        fractions = np.trunc(base.astype(np.float64) ** np.minimum(exponent, 0)).astype(base.dtype)
        return np.where(exponent >= 0, np.power(base, np.maximum(exponent, 0)), fractions)
    result: Array = np.power(base.astype(np.float64), exponent.astype(np.float64))
    return result


def _mod_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("mod", inputs, 2)
    require_kind("mod", inputs, "fi" if attributes["fmod"] else "i")
    require_same_dtype("mod", inputs)
    return (TensorType(broadcast_shape("mod", inputs), inputs[0].dtype),)


def _mod(a: Expr, b: Expr, attributes: Attributes) -> Expr:
    """The IR's `mod` is C's fmod on floats and has the divisor's sign on integers."""
    if attributes["fmod"] and a.dtype.kind == "i":
        return a - binary("div", a, b) * b
    return a % b


def _mod_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    return np.fmod(arrays[0], arrays[1]) if attributes["fmod"] else np.mod(arrays[0], arrays[1])


def _prelu_types(inputs: Sequence[TensorType], _: Attributes) -> tuple[TensorType, ...]:
    require_count("prelu", inputs, 2)
    require_kind("prelu", inputs, "fi")
    require_same_dtype("prelu", inputs)
    require(broadcast_shape("prelu", inputs) == inputs[0].shape, "prelu", "the slope must broadcast to the shape of x", inputs)
    return (inputs[0],)


def _where_types(inputs: Sequence[TensorType], _: Attributes) -> tuple[TensorType, ...]:
    require_count("where", inputs, 3)
    require(inputs[0].dtype == BOOL, "where", "the condition must be bool", inputs)
    require_kind("where", inputs, "fiub")
    require_same_dtype("where", inputs[1:])
    return (TensorType(broadcast_shape("where", inputs), inputs[1].dtype),)


def _where_stages(stage: str, inputs: Sequence[Tensor], _: Attributes) -> tuple[Tensor, ...]:
    condition, x, y = inputs
    shape = broadcast_shape(stage, [each.type for each in inputs])

    def element(*index: Expr) -> Expr:
        return select(load_broadcast(condition, index), load_broadcast(x, index), load_broadcast(y, index))

    return (compute(shape, element, stage),)


def _where_reference(arrays: Sequence[Array], _: Attributes) -> tuple[Array, ...]:
    return (np.where(arrays[0], arrays[1], arrays[2]),)


def _pow_reference(arrays: Sequence[Array], _: Attributes) -> tuple[Array, ...]:
    with np.errstate(all="ignore"):
        return (narrow(_pow_array(widen(arrays[0]), widen(arrays[1])), arrays[0].dtype),)


_register_arithmetic("add", lambda a, b, _: a + b, lambda a, b, _: a + b)
_register_arithmetic("sub", lambda a, b, _: a - b, lambda a, b, _: a - b)
_register_arithmetic("mul", lambda a, b, _: a * b, lambda a, b, _: a * b)
_register_arithmetic("div", lambda a, b, _: a / b, _truncated_division)
_register_arithmetic("minimum", lambda a, b, _: minimum(a, b), lambda a, b, _: np.minimum(a, b))
_register_arithmetic("maximum", lambda a, b, _: maximum(a, b), lambda a, b, _: np.maximum(a, b))
_register_comparison("equal", lambda a, b, _: equal(a, b), lambda a, b, _: a == b, "fib")
_register_comparison("not_equal", lambda a, b, _: not_equal(a, b), lambda a, b, _: a != b, "fib")
_register_comparison("less", lambda a, b, _: a < b, lambda a, b, _: a < b, "fi")
_register_comparison("less_equal", lambda a, b, _: a <= b, lambda a, b, _: a <= b, "fi")
_register_comparison("greater", lambda a, b, _: a > b, lambda a, b, _: a > b, "fi")
_register_comparison("greater_equal", lambda a, b, _: a >= b, lambda a, b, _: a >= b, "fi")
_register_comparison("and", lambda a, b, _: logical_and(a, b), lambda a, b, _: a & b, "b")
_register_comparison("or", lambda a, b, _: logical_or(a, b), lambda a, b, _: a | b, "b")
_register_comparison("xor", lambda a, b, _: not_equal(a, b), lambda a, b, _: a ^ b, "b")


register_operator(Operator("pow", FusionKind.ELEMENTWISE, _pow_types, _elements(_pow), _pow_reference))
register_operator(Operator("mod", FusionKind.ELEMENTWISE, _mod_types, _elements(_mod), in_float64(_mod_array)))
register_operator(
    Operator(
        "prelu",
        FusionKind.ELEMENTWISE,
        _prelu_types,
        _elements(lambda x, slope, _: select(x < 0, x * slope, x)),
        in_float64(lambda arrays, _: np.where(arrays[0] < 0, arrays[0] * arrays[1], arrays[0])),
    )
)
register_operator(Operator("where", FusionKind.ELEMENTWISE, _where_types, _where_stages, _where_reference))
