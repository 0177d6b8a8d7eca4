"""Float32 numbers rounded to three bytes: sign, exponent and 15 bits of the fraction. Used by operators, and by the step `Narrow`.

What streams from memory at every call, the weights of a model that is larger than the caches, takes three quarters of the time so. The
error of a number is at most 2**-16 of it, 1.5e-5. The three bytes stand in two arrays, of the upper two and of the third: each is loaded
as one vector, widened and shifted to its place on any target.
"""

import numpy as np

from compiler.te.expr import Binary, Call, Const, Expr, binary, call, cast
from compiler.tensor_type import INT32

HIGH, LOW = np.dtype(np.uint16), np.dtype(np.uint8)
NARROW_BYTES = HIGH.itemsize + LOW.itemsize

_DROPPED = 1 << 8  # the last byte of four
_LOWER_HALF = 1 << 16


def round_to_narrow(value: Expr) -> Expr:
    """The nearest float32 whose last byte is zero; of two the larger in magnitude. What is beyond the largest becomes infinite."""
    rounded = binary("floordiv", binary("add", call("bits", value), _DROPPED // 2), _DROPPED)
    return call("from_bits", binary("mul", rounded, _DROPPED))


def is_narrow(value: Expr) -> bool:
    """Whether an expression without loads has a zero as its last byte, by its form."""
    match value:
        case Const(number):
            return bool(np.float32(number).view(np.int32) % _DROPPED == 0)
        case Call("from_bits", (Binary("mul", _, Const(factor)),)):
            return factor % _DROPPED == 0
    return False


def high_part(value: Expr) -> Expr:
    """The first two bytes of a float32."""
    return cast(HIGH, binary("floordiv", call("bits", value), _LOWER_HALF))


def low_part(value: Expr) -> Expr:
    """Its third byte."""
    return cast(LOW, binary("floordiv", call("bits", value), _DROPPED))


def joined(high: Expr, low: Expr) -> Expr:
    """The float32 of which these are the parts."""
    upper, lower = binary("mul", cast(INT32, high), _LOWER_HALF), binary("mul", cast(INT32, low), _DROPPED)
    return call("from_bits", binary("add", upper, lower))
