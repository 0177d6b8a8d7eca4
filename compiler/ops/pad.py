"""Padding, and cropping where an amount is negative.

pad(x)    attributes: mode ("constant", "reflect", "edge", "wrap"), pads (begins of all axes, then ends), value (number; constant mode)
          reflect repeats around the edge without doubling it, wrap repeats the tensor from its other end; both any number of times.
          What is cut away is not seen by the other modes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.errors import UnsupportedOperator
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.type_rules import require, require_count
from compiler.te import Expr, Tensor, compute, logical_and, maximum, minimum, select
from compiler.tensor_type import TensorType

MODES = ("constant", "reflect", "edge", "wrap")


def _shape(shape: Sequence[int], pads: Sequence[int]) -> tuple[int, ...]:
    rank = len(shape)
    return tuple(extent + pads[axis] + pads[rank + axis] for axis, extent in enumerate(shape))


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("pad", inputs, 1)
    if attributes["mode"] not in MODES:
        raise UnsupportedOperator(f"pad: unknown mode {attributes['mode']!r}; known: {', '.join(MODES)}")
    shape, pads = inputs[0].shape, attributes["pads"]
    require(len(pads) == 2 * len(shape), "pad", f"pads {pads} must hold two numbers per axis", inputs)
    result = _shape(shape, pads)
    require(min(result, default=0) >= 0, "pad", f"pads {pads} cut away more than there is", inputs)
    rank = len(shape)
    kept = [extent + min(0, pads[axis]) + min(0, pads[rank + axis]) for axis, extent in enumerate(shape)]
    empty = any(left <= 0 < size for left, size in zip(kept, result, strict=True))
    require(attributes["mode"] == "constant" or not empty, "pad", f"mode {attributes['mode']} cannot fill an empty axis", inputs)
    return (TensorType(result, inputs[0].dtype),)


def _source(place: Expr, low: int, high: int, extent: int, mode: str) -> Expr:
    """The index in [0, extent) for `place`, which lies in [low, high] and outside [0, extent) where there is padding."""
    if low >= 0 and high < extent:
        return place
    if mode == "edge" or extent == 1:
        return minimum(maximum(place, 0), extent - 1)
    if mode == "wrap":
        return place % extent
    period = 2 * (extent - 1)
    turned = place % period if low <= -extent or high > period else select(place < 0, 0 - place, place)
    return minimum(turned, period - turned)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,) = inputs
    pads, mode, rank = attributes["pads"], attributes["mode"], len(x.shape)
    shape = _shape(x.shape, pads)

    def element(*index: Expr) -> Expr:
        places, inside = [], []
        for axis, (out, extent, size) in enumerate(zip(index, x.shape, shape, strict=True)):
            before, cut = max(0, pads[axis]), max(0, -pads[axis])
            if mode == "constant":
                place = out - pads[axis]
                inside += [place >= 0] * (before > 0) + [place < extent] * (pads[rank + axis] > 0)
            else:
                kept = extent - cut - max(0, -pads[rank + axis])
                place = _source(out - before, -before, size - 1 - before, kept, mode) + cut
            places.append(place)
        return select(logical_and(*inside), x[tuple(places)], x.dtype.type(attributes["value"] if mode == "constant" else 0).item())

    return (compute(shape, element, stage),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    (x,), pads, rank = arrays, attributes["pads"], arrays[0].ndim
    crops = [slice(max(0, -pads[axis]), extent - max(0, -pads[rank + axis])) for axis, extent in enumerate(x.shape)]
    widths = [(max(0, pads[axis]), max(0, pads[rank + axis])) for axis in range(rank)]
    extra: dict[str, Any] = {"constant_values": attributes["value"]} if attributes["mode"] == "constant" else {}
    return (np.pad(x[tuple(crops)], widths, mode=attributes["mode"], **extra),)


register_operator(Operator("pad", FusionKind.INJECTIVE, _infer_types, _stages, _reference))
