"""Running sums along an axis.

cumsum(x)    attributes: axis (non-negative), exclusive (bool: leave the element itself out), reverse (bool: from the end)
Each element is a reduction of its own: quadratic in the axis, but free of any order among the elements.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.type_rules import require_axis, require_count, require_kind
from compiler.te import Expr, Tensor, compute, reduce_axis, select, sum_over
from compiler.tensor_type import TensorType


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("cumsum", inputs, 1)
    require_kind("cumsum", inputs, "fi")
    require_axis("cumsum", attributes["axis"], inputs)
    return (inputs[0],)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,), axis, exclusive = inputs, attributes["axis"], attributes["exclusive"]

    def element(*index: Expr) -> Expr:
        k = reduce_axis(x.shape[axis], "k")
        first, last = (index[axis], k.var) if attributes["reverse"] else (k.var, index[axis])
        counts = first < last if exclusive else first <= last
        return sum_over(select(counts, x[(*index[:axis], k, *index[axis + 1 :])], x.dtype.type(0).item()), k)

    return (compute(x.shape, element, stage),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> Any:
    (x,), axis = arrays, attributes["axis"]
    x = np.flip(x, axis) if attributes["reverse"] else x
    total = np.cumsum(x, axis=axis, dtype=x.dtype) - (x if attributes["exclusive"] else 0)
    return np.flip(total, axis) if attributes["reverse"] else total


register_operator(Operator("cumsum", FusionKind.OPAQUE, _infer_types, _stages, in_float64(_reference)))
