"""Concatenation of tensors along one axis.

concat(x0, x1, ...)    attributes: axis (non-negative).    All inputs agree in element type and in every other extent.
The expression chooses the input by a binary tree of conditions on the axis, so that its depth is the logarithm of the number of inputs.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.type_rules import require, require_axis, require_same_dtype
from compiler.te import Expr, Tensor, compute, select
from compiler.tensor_type import TensorType


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require(len(inputs) > 0, "concat", "needs at least one input", inputs)
    require_same_dtype("concat", inputs)
    axis = require_axis("concat", attributes["axis"], inputs)
    first = inputs[0].shape
    rest = {(each.shape[:axis], each.shape[axis + 1 :]) for each in inputs if len(each.shape) == len(first)}
    same_rank = all(len(each.shape) == len(first) for each in inputs)
    require(same_rank and len(rest) == 1, "concat", f"inputs must agree in every axis but {axis}", inputs)
    return (TensorType((*first[:axis], sum(each.shape[axis] for each in inputs), *first[axis + 1 :]), inputs[0].dtype),)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    axis = attributes["axis"]
    filled = [each for each in inputs if each.shape[axis] > 0] or list(inputs[:1])
    starts = [0, *accumulate(each.shape[axis] for each in filled)]
    shape = (*filled[0].shape[:axis], starts[-1], *filled[0].shape[axis + 1 :])

    def element(*index: Expr) -> Expr:
        def among(first: int, end: int) -> Expr:
            if end - first == 1:
                return filled[first][(*index[:axis], index[axis] - starts[first], *index[axis + 1 :])]
            middle = (first + end) // 2
            return select(index[axis] < starts[middle], among(first, middle), among(middle, end))

        return among(0, len(filled))

    return (compute(shape, element, stage),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    return (np.concatenate(arrays, axis=attributes["axis"]),)


register_operator(Operator("concat", FusionKind.INJECTIVE, _infer_types, _stages, _reference))
