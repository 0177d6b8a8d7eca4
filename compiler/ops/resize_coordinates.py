"""Where an output element of `resize` stands in the input, along one axis: in every mode of ONNX an affine function of its index.

Coordinates are kept as fractions, so that the expression of the operator is exact integer arithmetic: (a * o + b) / d. For nearest
neighbours, where a rounding error decides between two elements, onnxruntime's single precision is the model: the indices are computed here
as it does, and `nearest_index` finds integer arithmetic that gives the same ones. Next: `resize.py`.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np

from compiler.errors import UnsupportedOperator
from compiler.ops.operator import Array
from compiler.te import Const, Expr, maximum, minimum, select

COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
NEAREST_MODES = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True, slots=True)
class AxisResize:
    """One axis: `extent` elements become `size`; roi is the cropped part as fractions of the axis (tf_crop_and_resize only)."""

    mode: str
    scale: float
    extent: int
    size: int
    roi: tuple[float, float] = (0.0, 1.0)

    @property
    def affine(self) -> tuple[int, int, int]:
        """(a, b, d): output o stands at (a * o + b) / d; d > 0."""
        slope, offset = _slope_and_offset(self)
        divisor = slope.denominator * offset.denominator // gcd(slope.denominator, offset.denominator)
        return int(slope * divisor), int(offset * divisor), divisor

    @property
    def is_identity(self) -> bool:
        return self.extent == self.size and self.affine == (1, 0, 1)


def _fraction(value: float) -> Fraction:
    """The simple fraction that a scale stands for: float32's 0.33333334 is 1/3."""
    simple = Fraction(value).limit_denominator(4096)
    return simple if abs(float(simple) - value) <= 1e-7 * abs(value) else Fraction(value).limit_denominator(1 << 20)


def _slope_and_offset(axis: AxisResize) -> tuple[Fraction, Fraction]:
    half, scale, last = Fraction(1, 2), _fraction(axis.scale), axis.extent - 1
    match axis.mode:
        case "half_pixel":
            return 1 / scale, half / scale - half
        case "pytorch_half_pixel":
            return (1 / scale, half / scale - half) if axis.size > 1 else (Fraction(0), Fraction(0))
        case "half_pixel_symmetric":
            adjustment = axis.size / (scale * axis.extent)
            return 1 / scale, Fraction(axis.extent, 2) * (1 - adjustment) + half / scale - half
        case "align_corners":
            return Fraction(last, axis.size - 1) if axis.size > 1 else Fraction(0), Fraction(0)
        case "asymmetric":
            return 1 / scale, Fraction(0)
        case "tf_half_pixel_for_nn":
            return 1 / scale, half / scale
        case "tf_crop_and_resize":
            start, end = map(_fraction, axis.roi)
            if axis.size > 1:
                return (end - start) * last / (axis.size - 1), start * last
            return Fraction(0), (start + end) * last / 2
        case _:
            raise UnsupportedOperator(f"resize: unknown coordinate transformation {axis.mode!r}; known: {', '.join(COORDINATES)}")


def coordinates(axis: AxisResize) -> Array:
    """The source coordinate of every output element, in float64."""
    a, b, divisor = axis.affine
    return (a * np.arange(axis.size) + b) / divisor


def _single_precision(axis: AxisResize) -> Array:
    """The same, rounded at every operation as onnxruntime's upsample does (its `GetOriginalCoordinateFromResizedCoordinate`)."""
    one = np.float32
    out, scale, half = np.arange(axis.size, dtype=one), one(axis.scale), one(0.5)
    extent, size, last = one(axis.extent), one(axis.size), one(axis.extent - 1)
    match axis.mode:
        case "half_pixel":
            result = (out + half) / scale - half
        case "pytorch_half_pixel":
            result = (out + half) / scale - half if axis.size > 1 else np.zeros(1, one)
        case "half_pixel_symmetric":
            offset = extent / one(2) * (one(1) - size / (scale * extent))
            result = (np.float64(offset) + (out + 0.5).astype(np.float64) / np.float64(scale) - 0.5).astype(one)
        case "align_corners":
            result = out * last / (size - one(1)) if axis.size > 1 else np.zeros(1, one)
        case "asymmetric":
            result = out / scale
        case "tf_half_pixel_for_nn":
            result = (out + half) / scale
        case _:
            result = coordinates(axis).astype(one)
    return result


def nearest_table(axis: AxisResize, rounding: str) -> Array:
    """The input index of every output element."""
    place = _single_precision(axis).astype(np.float64)
    match rounding:
        case "round_prefer_floor":
            index = np.ceil(place - 0.5)
        case "round_prefer_ceil":
            index = np.floor(place + 0.5)
        case "floor":
            index = np.floor(place)
        case "ceil":
            index = np.ceil(place)
        case _:
            raise UnsupportedOperator(f"resize: unknown nearest mode {rounding!r}; known: {', '.join(NEAREST_MODES)}")
    return np.clip(index, 0, axis.extent - 1).astype(np.int64)


def floor_index(out: Expr, a: int, b: int, divisor: int) -> Expr:
    """floor((a * out + b) / divisor), in the smallest numbers."""
    common = gcd(a, divisor)
    return (out * (a // common) + b // common) // (divisor // common)


def clamp_index(index: Expr, low: int, high: int, extent: int) -> Expr:
    """`index`, known to lie in [low, high], moved into [0, extent)."""
    index = maximum(index, 0) if low < 0 else index
    return minimum(index, extent - 1) if high >= extent else index


def _from_table(out: Expr, table: Array, first: int) -> Expr:
    """A binary tree of conditions over the runs of equal indices."""
    changes = np.flatnonzero(np.diff(table))
    if not changes.size:
        return Const(int(table[0]))
    middle = int(changes[changes.size // 2]) + 1
    return select(out < first + middle, _from_table(out, table[:middle], first), _from_table(out, table[middle:], first + middle))


def nearest_index(out: Expr, axis: AxisResize, rounding: str) -> Expr:
    """The expression whose values are `nearest_table`: one division by a constant if there is one that does it."""
    table = nearest_table(axis, rounding)
    a, b, divisor = axis.affine
    a, b, divisor = 2 * a, 2 * b, 2 * divisor
    half = divisor // 2
    shifted = b + {"round_prefer_floor": divisor - 1 - half, "round_prefer_ceil": half, "floor": 0, "ceil": divisor - 1}[rounding]
    raw = (a * np.arange(axis.size) + shifted) // divisor
    if np.array_equal(np.clip(raw, 0, axis.extent - 1), table):
        return clamp_index(floor_index(out, a, shifted, divisor), int(raw.min()), int(raw.max()), axis.extent)
    return _from_table(out, table, 0)
