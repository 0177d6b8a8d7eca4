"""Interpolation onto another grid, as ONNX's Resize and Upsample.

resize(x)    attributes
    mode ("nearest", "linear", "cubic"); linear and cubic take floats only
    sizes (the extents of the result), scales (one number per axis; sizes[i] / x.shape[i] where the model gives sizes)
    coordinate_transformation (one of COORDINATES in resize_coordinates.py)
    nearest_mode (one of NEAREST_MODES), cubic_coeff_a (number), exclude_outside (bool; cubic weights outside the input count as 0)
    roi (starts of all axes, then ends, as fractions of the extents; empty but for tf_crop_and_resize)
    extrapolation_value (number; what tf_crop_and_resize puts outside the input)

Any axis may be resized, so a blocked layout needs nothing of its own. Elements outside the input are those of its edge.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.errors import UnsupportedOperator
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.resize_coordinates import AxisResize, clamp_index, coordinates, floor_index, nearest_index, nearest_table
from compiler.ops.type_rules import require, require_count, require_kind
from compiler.te import Expr, Tensor, cast, compute, logical_and, select
from compiler.tensor_type import TensorType

FIRST_TAP = {"linear": 0, "cubic": -1}
TAP_COUNT = {"linear": 2, "cubic": 4}

Tap = tuple[Expr, Expr | None]


def _axes(shape: Sequence[int], attributes: Attributes) -> list[AxisResize]:
    """What happens along each axis."""
    rank, roi = len(shape), attributes["roi"] or (0.0,) * len(shape) + (1.0,) * len(shape)
    mode = attributes["coordinate_transformation"]
    parts = zip(shape, attributes["sizes"], attributes["scales"], strict=True)
    return [AxisResize(mode, float(scale), extent, size, (roi[axis], roi[rank + axis])) for axis, (extent, size, scale) in enumerate(parts)]


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("resize", inputs, 1)
    if attributes["mode"] not in ("nearest", "linear", "cubic"):
        raise UnsupportedOperator(f"resize: unknown mode {attributes['mode']!r}; known: nearest, linear, cubic")
    if attributes["mode"] != "nearest":
        require_kind("resize", inputs, "f")
    shape, sizes, scales = inputs[0].shape, tuple(attributes["sizes"]), tuple(attributes["scales"])
    rule = f"sizes {sizes}, scales {scales} and roi {attributes['roi']} must hold one positive number per axis"
    fits = len(sizes) == len(scales) == len(shape) and len(attributes["roi"]) in (0, 2 * len(shape))
    require(fits and min((*shape, *sizes, *scales), default=1) > 0, "resize", rule, inputs)
    for axis in _axes(shape, attributes):
        nearest_table(axis, attributes["nearest_mode"])
    return (TensorType(sizes, inputs[0].dtype),)


def _cubic_weights(t: Any, a: float) -> list[Any]:
    """Keys' weights of the four neighbours, for a fraction t between the middle two (expressions and arrays alike)."""

    def near(d: Any) -> Any:
        return ((a + 2) * d - (a + 3)) * d * d + 1.0

    def far(d: Any) -> Any:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]


def _weights(fraction: Any, attributes: Attributes) -> list[Any]:
    return [1.0 - fraction, fraction] if attributes["mode"] == "linear" else _cubic_weights(fraction, attributes["cubic_coeff_a"])


def _excludes(attributes: Attributes) -> bool:
    return attributes["mode"] == "cubic" and bool(attributes["exclude_outside"])


def _taps(out: Expr, axis: AxisResize, attributes: Attributes, dtype: np.dtype[Any]) -> list[Tap]:
    """(input index, weight) of the neighbours along one axis; a single one needs no weight."""
    if axis.is_identity:
        return [(out, None)]
    mode = attributes["mode"]
    if mode == "nearest":
        return [(nearest_index(out, axis, attributes["nearest_mode"]), None)]
    a, b, divisor = axis.affine
    whole = (a * np.arange(axis.size) + b) // divisor
    low, high = int(whole.min()), int(whole.max())
    floor = floor_index(out, a, b, divisor)
    if all((a * place + b) % divisor == 0 for place in range(axis.size)):
        return [(clamp_index(floor, low, high, axis.extent), None)]
    weights = _weights(cast(dtype, (out * a + b) % divisor) * (1 / divisor), attributes)
    shifts = range(FIRST_TAP[mode], FIRST_TAP[mode] + TAP_COUNT[mode])
    places = [floor + shift for shift in shifts]
    if _excludes(attributes):
        inside = [logical_and(place >= 0, place < axis.extent) for place in places]
        weights = [select(test, weight, 0.0) for test, weight in zip(inside, weights, strict=True)]
        total = weights[0] + weights[1] + weights[2] + weights[3]
        weights = [weight / total for weight in weights]
    clamped = [clamp_index(place, low + shift, high + shift, axis.extent) for place, shift in zip(places, shifts, strict=True)]
    return list(zip(clamped, weights, strict=True))


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,) = inputs
    axes = _axes(x.shape, attributes)

    def element(*index: Expr) -> Expr:
        taps = [_taps(out, axis, attributes, x.dtype) for out, axis in zip(index, axes, strict=True)]

        def blend(place: tuple[Expr, ...]) -> Expr:
            if len(place) == len(axes):
                return x[place]
            terms = [(blend((*place, source)), weight) for source, weight in taps[len(place)]]
            total, weight = terms[0]
            total = total if weight is None else total * weight
            for value, weight in terms[1:]:
                total = total + value * weight
            return total

        return _extrapolated(blend(()), index, axes, attributes, x.dtype)

    return (compute(attributes["sizes"], element, stage),)


def _extrapolated(value: Expr, index: Sequence[Expr], axes: Sequence[AxisResize], attributes: Attributes, dtype: np.dtype[Any]) -> Expr:
    """`value`, and outside the input what the attribute says."""
    if attributes["coordinate_transformation"] != "tf_crop_and_resize":
        return value
    inside: list[Expr] = []
    for out, axis in zip(index, axes, strict=True):
        places = coordinates(axis)
        a, b, divisor = axis.affine
        inside += [out * a + b >= 0] * bool(places.min() < 0)
        inside += [out * a + b <= (axis.extent - 1) * divisor] * bool(places.max() > axis.extent - 1)
    return select(logical_and(*inside), value, dtype.type(attributes["extrapolation_value"]).item())


def _array_taps(axis: AxisResize, attributes: Attributes) -> list[tuple[Array, Array]]:
    if attributes["mode"] == "nearest":
        return [(nearest_table(axis, attributes["nearest_mode"]), np.ones(1))]
    place = coordinates(axis)
    whole = np.floor(place).astype(np.int64)
    weights = _weights(place - whole, attributes)
    places = [whole + FIRST_TAP[attributes["mode"]] + shift for shift in range(len(weights))]
    if _excludes(attributes):
        weights = [np.where((each >= 0) & (each < axis.extent), weight, 0) for each, weight in zip(places, weights, strict=True)]
        weights = [weight / sum(weights) for weight in weights]
    return [(np.clip(each, 0, axis.extent - 1), weight) for each, weight in zip(places, weights, strict=True)]


def _reference(arrays: Sequence[Array], attributes: Attributes) -> Any:
    y: Any = arrays[0]
    axes = _axes(y.shape, attributes)
    for position, axis in enumerate(axes):
        if axis.is_identity:
            continue
        taps, column = _array_taps(axis, attributes), (-1, *(1,) * (y.ndim - position - 1))
        if attributes["mode"] == "nearest":
            y = np.take(y, taps[0][0], axis=position)
        else:
            y = sum(np.take(y, index, axis=position) * weight.reshape(column) for index, weight in taps)
    if attributes["coordinate_transformation"] == "tf_crop_and_resize":
        for position, axis in enumerate(axes):
            place = coordinates(axis)
            outside = ((place < 0) | (place > axis.extent - 1)).reshape(-1, *(1,) * (y.ndim - position - 1))
            y = np.where(outside, attributes["extrapolation_value"], y)
    return y


register_operator(Operator("resize", FusionKind.INJECTIVE, _infer_types, _stages, in_float64(_reference)))
