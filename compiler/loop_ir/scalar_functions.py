"""The scalar operations that the interpreter's Python source calls: IEEE results where Python's own would raise.

Python floats in and out; nothing here rounds to float32 but `cast_value`. `div` of integers truncates as in C, `floordiv` and `mod` of
integers round towards minus infinity. `mod` of floats has the dividend's sign (fmod of C), `floordiv` of floats is the quotient's floor.
Minimum and maximum give NaN if either operand is NaN, so that memory never written shows in the result.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

Number = bool | int | float


def _total(fast: Callable[[float], float], ieee: Callable[[float], Any]) -> Callable[[float], float]:
    """`fast`, and where it raises the numpy function of the same meaning, which gives inf or NaN."""

    def function(x: float) -> float:
        try:
            return fast(x)
        except (ValueError, OverflowError):
            return float(ieee(x))

    return function


def _integral(ieee: Callable[[float], Any]) -> Callable[[Number], Number]:
    return lambda x: float(ieee(x)) if isinstance(x, float) else x


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x > -700.0 else 0.0 if x == x else x


def _sign(x: Number) -> Number:
    if x == 0 or x != x:
        return x
    return math.copysign(1.0, x) if isinstance(x, float) else (1 if x > 0 else -1)


FUNCTION_TABLE: Mapping[str, Callable[[Any], Number]] = MappingProxyType(
    {
        "exp": _total(math.exp, np.exp),
        "log": _total(math.log, np.log),
        "sqrt": _total(math.sqrt, np.sqrt),
        "tanh": math.tanh,
        "erf": math.erf,
        "sigmoid": _sigmoid,
        "abs": abs,
        "neg": lambda x: -x,
        "floor": _integral(np.floor),
        "ceil": _integral(np.ceil),
        "round": _integral(np.rint),
        "sign": _sign,
        "not": lambda x: not x,
        "sin": _total(math.sin, np.sin),
        "cos": _total(math.cos, np.cos),
        "tan": _total(math.tan, np.tan),
        "asin": _total(math.asin, np.arcsin),
        "acos": _total(math.acos, np.arccos),
        "atan": math.atan,
        "sinh": _total(math.sinh, np.sinh),
        "cosh": _total(math.cosh, np.cosh),
        "asinh": math.asinh,
        "acosh": _total(math.acosh, np.arccosh),
        "atanh": _total(math.atanh, np.arctanh),
        "isnan": lambda x: x != x,
        "isinf": math.isinf,
        "bits": lambda x: np.float32(x).view(np.int32).item(),
        "from_bits": lambda x: np.uint32(x & 0xFFFFFFFF).view(np.float32).item(),
    }
)


def maximum(a: Any, b: Any) -> Number:
    result: Number = a if a >= b or a != a else b
    return result


def minimum(a: Any, b: Any) -> Number:
    result: Number = a if a <= b or a != a else b
    return result


def divide(a: Any, b: Any) -> Number:
    """Floats as IEEE, integers truncated."""
    if isinstance(a, float):
        return a / b if b else float(np.float64(a) / np.float64(b))
    quotient: int = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def floor_divide(a: Any, b: Any) -> Number:
    if isinstance(a, float):
        return float(np.floor(np.float64(a) / np.float64(b)))
    quotient: int = a // b
    return quotient


def modulo(a: Any, b: Any) -> Number:
    if isinstance(a, float):
        return float(np.fmod(a, b))
    rest: int = a % b
    return rest


def power(a: Any, b: Any) -> Number:
    if not isinstance(a, float):
        return int(a**b)
    try:
        return math.pow(a, b)
    except (ValueError, OverflowError):
        return float(np.power(np.float64(a), np.float64(b)))


def cast_value(value: Any, dtype: np.dtype[Any]) -> Number:
    """As numpy's `astype`: floats are truncated to integers, integers wrap around, anything but zero is True."""
    result: Number = np.asarray(value).astype(dtype).item()
    return result
