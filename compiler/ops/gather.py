"""Elements chosen by a tensor of indices.

gather(x, indices)            attributes: axis.          The axis is replaced by the axes of `indices`
gather_elements(x, indices)   attributes: axis.          y has the shape of `indices`; y[i, j] = x[indices[i, j], j] for axis 0
gather_nd(x, indices)         attributes: batch_dims.    The last axis of `indices` holds one index into x after the batch axes

Indices are int32 or int64; a negative one counts from the end. One outside the extent is moved to the nearest end, so that nothing is ever
read outside the tensor.
"""

from collections.abc import Sequence

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.type_rules import require, require_axis, require_count
from compiler.te import Expr, Tensor, cast, compute, maximum, minimum, select
from compiler.tensor_type import INT32, INT64, TensorType


def _chosen(value: Expr, extent: int) -> Expr:
    """An index into an axis, from an element of the indices."""
    wide = cast(INT64, value)
    return minimum(maximum(select(wide < 0, wide + extent, wide), 0), extent - 1)


def _chosen_array(indices: Array, extent: int) -> Array:
    wide = indices.astype(np.int64)
    result: Array = np.clip(np.where(wide < 0, wide + extent, wide), 0, extent - 1)
    return result


def _require_indices(op: str, inputs: Sequence[TensorType]) -> None:
    require_count(op, inputs, 2)
    require(inputs[1].dtype in (INT32, INT64), op, "the indices must be int32 or int64", inputs)


def _gather_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    _require_indices("gather", inputs)
    axis, shape = require_axis("gather", attributes["axis"], inputs), inputs[0].shape
    require(shape[axis] > 0 or inputs[1].element_count == 0, "gather", f"axis {axis} is empty", inputs)
    return (TensorType((*shape[:axis], *inputs[1].shape, *shape[axis + 1 :]), inputs[0].dtype),)


def _gather(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, indices = inputs
    axis, end = attributes["axis"], attributes["axis"] + len(indices.shape)

    def element(*index: Expr) -> Expr:
        return x[(*index[:axis], _chosen(indices[index[axis:end]], x.shape[axis]), *index[end:])]

    return (compute((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), element, stage),)


def _gather_array(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    x, axis = arrays[0], attributes["axis"]
    return (np.take(x, _chosen_array(arrays[1], x.shape[axis]), axis=axis),)


def _elements_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    _require_indices("gather_elements", inputs)
    axis = require_axis("gather_elements", attributes["axis"], inputs)
    (x, indices), rule = (each.shape for each in inputs), f"the indices must have x's rank and, but for axis {axis}, no larger extents"
    require(len(x) == len(indices), "gather_elements", rule, inputs)
    fits = all(place == axis or small <= large for place, (small, large) in enumerate(zip(indices, x, strict=True)))
    require(fits and (x[axis] > 0 or 0 in indices), "gather_elements", rule, inputs)
    return (TensorType(indices, inputs[0].dtype),)


def _elements(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, indices = inputs
    axis = attributes["axis"]

    def element(*index: Expr) -> Expr:
        return x[(*index[:axis], _chosen(indices[index], x.shape[axis]), *index[axis + 1 :])]

    return (compute(indices.shape, element, stage),)


def _elements_array(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    (x, indices), axis = arrays, attributes["axis"]
    part = x[tuple(slice(None) if place == axis else slice(extent) for place, extent in enumerate(indices.shape))]
    return (np.take_along_axis(part, _chosen_array(indices, x.shape[axis]), axis=axis),)


def _nd_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    _require_indices("gather_nd", inputs)
    (x, indices), batch = (each.shape for each in inputs), attributes["batch_dims"]
    rule = f"the last axis of the indices must index x after {batch} equal batch axes"
    require(0 <= batch < len(indices) and x[:batch] == indices[:batch], "gather_nd", rule, inputs)
    require(1 <= indices[-1] <= len(x) - batch, "gather_nd", rule, inputs)
    return (TensorType((*indices[:-1], *x[batch + indices[-1] :]), inputs[0].dtype),)


def _nd(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, indices = inputs
    batch, depth, outer = attributes["batch_dims"], indices.shape[-1], len(indices.shape) - 1

    def element(*index: Expr) -> Expr:
        chosen = [_chosen(indices[(*index[:outer], position)], x.shape[batch + position]) for position in range(depth)]
        return x[(*index[:batch], *chosen, *index[outer:])]

    return (compute((*indices.shape[:-1], *x.shape[batch + depth :]), element, stage),)


def _nd_array(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    (x, indices), batch = arrays, attributes["batch_dims"]
    depth, outer = indices.shape[-1], indices.shape[:-1]
    grid = np.indices(outer)[:batch]
    chosen = [_chosen_array(indices[..., position], x.shape[batch + position]) for position in range(depth)]
    return (x[(*grid, *chosen)],)


register_operator(Operator("gather", FusionKind.INJECTIVE, _gather_types, _gather, _gather_array))
register_operator(Operator("gather_elements", FusionKind.INJECTIVE, _elements_types, _elements, _elements_array))
register_operator(Operator("gather_nd", FusionKind.INJECTIVE, _nd_types, _nd, _nd_array))
