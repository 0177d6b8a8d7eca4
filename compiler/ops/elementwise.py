"""Element-wise functions of one tensor: output and input have the same shape; each is a row of the table below.

Operators and attributes
    identity neg abs sign                                   floats and integers; no attributes
    floor ceil round reciprocal sqrt exp log erf            floats; no attributes; `round` rounds halves to even
    sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
    isnan                                                   floats to bool
    isinf: positive, negative (bool)                        floats to bool; which infinities count
    not                                                     bool
    clip: min, max (number or None)                         None and -inf, inf leave a side open; where min > max, the result is max
    cast: to (str, a numpy dtype name)                      as `astype` of numpy: truncates, wraps around, anything but zero is True

The activations stand in `activation.py`. Next: `broadcast.py`, the functions of several tensors.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64, narrow
from compiler.ops.type_rules import require_count, require_kind
from compiler.te import Const, Expr, Tensor, call, cast, compute, logical_and, maximum, minimum, not_equal
from compiler.tensor_type import BOOL, TensorType

Expression = Callable[[Expr, Attributes], Expr]
NumpyFunction = Callable[[Array, Attributes], Array]

CAST_KINDS = "fiub"


def register_unary(name: str, expression: Expression, function: NumpyFunction, kinds: str = "f") -> Operator:
    """An operator y[i] = expression(x[i]) of the input's dtype; `function` is the same on a whole (widened) array."""

    def infer_types(inputs: Sequence[TensorType], _: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 1)
        require_kind(name, inputs, kinds)
        return (inputs[0],)

    def stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
        (x,) = inputs
        return (compute(x.shape, lambda *index: expression(x[index], attributes), stage),)

    reference = in_float64(lambda arrays, attributes: function(arrays[0], attributes))
    return register_operator(Operator(name, FusionKind.ELEMENTWISE, infer_types, stages, reference))


def _register_call(name: str, function: Callable[[Array], Any], kinds: str = "f") -> None:
    register_unary(name, lambda x, _: call(name, x), lambda array, _: function(array), kinds)


def _register_predicate(name: str, expression: Expression, function: NumpyFunction, kinds: str) -> None:
    """The same, with a bool result."""

    def infer_types(inputs: Sequence[TensorType], _: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 1)
        require_kind(name, inputs, kinds)
        return (TensorType(inputs[0].shape, BOOL),)

    def stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
        (x,) = inputs
        return (compute(x.shape, lambda *index: expression(x[index], attributes), stage),)

    def reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
        return (narrow(function(arrays[0], attributes), BOOL),)

    register_operator(Operator(name, FusionKind.ELEMENTWISE, infer_types, stages, reference))


def erf_array(array: Array) -> Array:
    """numpy has no error function; Python's is exact to the last bit or two."""
    values = [math.erf(value) for value in array.reshape(-1).tolist()]
    return np.asarray(values, np.float64).reshape(array.shape)


def _bounds(attributes: Attributes) -> tuple[float | None, float | None]:
    """(min, max), None where that side is open."""
    low, high = attributes["min"], attributes["max"]
    return (None if low == -math.inf else low), (None if high == math.inf else high)


def _clip(x: Expr, attributes: Attributes) -> Expr:
    low, high = _bounds(attributes)
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


def _clip_array(array: Array, attributes: Attributes) -> Array:
    low, high = _bounds(attributes)
    array = array if low is None else np.maximum(array, low)
    return array if high is None else np.minimum(array, high)


def _infinite(x: Expr, attributes: Attributes) -> Expr:
    positive, negative = bool(attributes["positive"]), bool(attributes["negative"])
    if positive and negative:
        return call("isinf", x)
    if not positive and not negative:
        return Const(False, BOOL)
    return logical_and(call("isinf", x), x > 0 if positive else x < 0)


def _infinite_array(array: Array, attributes: Attributes) -> Array:
    found: Array = (np.isposinf(array) & bool(attributes["positive"])) | (np.isneginf(array) & bool(attributes["negative"]))
    return found


def _cast_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("cast", inputs, 1)
    result = TensorType(inputs[0].shape, np.dtype(attributes["to"]))
    require_kind("cast", [inputs[0], result], CAST_KINDS)
    return (result,)


def _cast_stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,) = inputs
    to = np.dtype(attributes["to"])

    def element(*index: Expr) -> Expr:
        value = x[index]
        return not_equal(value, 0) if to == BOOL and value.dtype != BOOL else cast(to, value)

    return (compute(x.shape, element, stage),)


def _cast_reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    with np.errstate(all="ignore"):
        return (narrow(arrays[0], np.dtype(attributes["to"])),)


FLOAT_FUNCTIONS: dict[str, Callable[[Array], Any]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "erf": erf_array,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
}
NUMBER_FUNCTIONS: dict[str, Callable[[Array], Any]] = {"neg": np.negative, "abs": np.abs, "sign": np.sign}

for _name, _function in FLOAT_FUNCTIONS.items():
    _register_call(_name, _function)
for _name, _function in NUMBER_FUNCTIONS.items():
    _register_call(_name, _function, "fi")
register_unary("identity", lambda x, _: x, lambda array, _: array, "fiub")
register_unary("reciprocal", lambda x, _: 1.0 / x, lambda array, _: 1.0 / array)
register_unary("clip", _clip, _clip_array, "fi")
register_unary("not", lambda x, _: call("not", x), lambda array, _: ~array, "b")
_register_predicate("isnan", lambda x, _: call("isnan", x), lambda array, _: np.isnan(array), "f")
_register_predicate("isinf", _infinite, _infinite_array, "f")
register_operator(Operator("cast", FusionKind.ELEMENTWISE, _cast_types, _cast_stages, _cast_reference))
