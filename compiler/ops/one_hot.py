"""One-hot vectors.

one_hot(indices)    attributes: depth, axis (non-negative, of the result), on_value, off_value (numbers), to (str, the result's dtype)
Negative indices count from the end; one outside [-depth, depth) gives off_value along its whole vector.
"""

from collections.abc import Sequence

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.type_rules import require, require_count, require_kind
from compiler.te import Const, Expr, Tensor, cast, compute, equal, select
from compiler.tensor_type import INT64, TensorType


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("one_hot", inputs, 1)
    require_kind("one_hot", inputs, "i")
    axis, depth, shape = attributes["axis"], attributes["depth"], inputs[0].shape
    require(0 <= axis <= len(shape) and depth > 0, "one_hot", f"axis {axis} and depth {depth} do not fit", inputs)
    return (TensorType((*shape[:axis], depth, *shape[axis:]), np.dtype(attributes["to"])),)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,), axis, depth = inputs, attributes["axis"], attributes["depth"]
    dtype = np.dtype(attributes["to"])
    on, off = (Const(dtype.type(attributes[key]).item(), dtype) for key in ("on_value", "off_value"))

    def element(*index: Expr) -> Expr:
        value = cast(INT64, x[(*index[:axis], *index[axis + 1 :])])
        return select(equal(select(value < 0, value + depth, value), index[axis]), on, off)

    return (compute((*x.shape[:axis], depth, *x.shape[axis:]), element, stage),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    axis, depth = attributes["axis"], attributes["depth"]
    wide = arrays[0].astype(np.int64)
    places = np.expand_dims(np.where(wide < 0, wide + depth, wide), axis)
    grid = np.arange(depth).reshape(-1, *(1,) * (arrays[0].ndim - axis))
    dtype = np.dtype(attributes["to"])
    return (np.where(places == grid, dtype.type(attributes["on_value"]), dtype.type(attributes["off_value"])),)


register_operator(Operator("one_hot", FusionKind.INJECTIVE, _infer_types, _stages, _reference))
