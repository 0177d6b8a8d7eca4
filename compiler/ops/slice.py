"""A part of a tensor: every step-th element between two places, along every axis.

slice(x)    attributes: starts, ends, steps (one number per axis of x; a step is not 0)
            The element at i along an axis is that at start + i * step; the end is exclusive and -1 when a negative step runs to the front.
`normalize_slice` makes these from ONNX's attributes, which count from the end, exceed the extents and leave axes out.
"""

from collections.abc import Sequence

import numpy as np

from compiler.errors import ShapeError
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.type_rules import require, require_count
from compiler.te import Expr, Tensor, compute
from compiler.tensor_type import TensorType

Numbers = Sequence[int]


def normalize_slice(
    shape: Numbers, starts: Numbers, ends: Numbers, axes: Numbers, steps: Numbers
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """(starts, ends, steps) of the operator, for ONNX's slice of `axes` (negative ones count from the end) of a tensor of `shape`."""
    full_starts, full_ends, full_steps = [0] * len(shape), list(shape), [1] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step == 0 or not -len(shape) <= axis < len(shape):
            raise ShapeError(f"slice: step {step} along axis {axis} does not fit the shape {list(shape)}")
        first, last, _ = slice(start, end, step).indices(shape[axis])
        full_starts[axis], full_ends[axis], full_steps[axis] = (first, last, step) if range(first, last, step) else (0, 0, step)
    return tuple(full_starts), tuple(full_ends), tuple(full_steps)


def _extents(attributes: Attributes) -> tuple[int, ...]:
    parts = zip(attributes["starts"], attributes["ends"], attributes["steps"], strict=True)
    return tuple(len(range(start, end, step)) for start, end, step in parts)


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("slice", inputs, 1)
    starts, ends, steps = attributes["starts"], attributes["ends"], attributes["steps"]
    rule = f"starts {starts}, ends {ends} and steps {steps} must fit the shape"
    require({len(starts), len(ends), len(steps)} == {len(inputs[0].shape)} and 0 not in steps, "slice", rule, inputs)
    for start, step, count, extent in zip(starts, steps, _extents(attributes), inputs[0].shape, strict=True):
        require(count == 0 or (0 <= start < extent and 0 <= start + (count - 1) * step < extent), "slice", rule, inputs)
    return (TensorType(_extents(attributes), inputs[0].dtype),)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,) = inputs
    starts, steps = attributes["starts"], attributes["steps"]

    def element(*index: Expr) -> Expr:
        return x[tuple(place * step + start for place, start, step in zip(index, starts, steps, strict=True))]

    return (compute(_extents(attributes), element, stage),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    parts = zip(attributes["starts"], attributes["ends"], attributes["steps"], strict=True)
    return (np.asarray(arrays[0][np.ix_(*(np.arange(start, end, step) for start, end, step in parts))]),)


register_operator(Operator("slice", FusionKind.INJECTIVE, _infer_types, _stages, _reference))
