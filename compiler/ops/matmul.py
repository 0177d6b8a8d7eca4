"""matmul: numpy's matrix product over broadcast batch axes.

Attributes: transpose_a, transpose_b: whether the last two axes of that input are swapped before the product. Inputs of one axis are a row
(left) or a column (right), whose axis the result lacks; they are never transposed.
weight_bytes: 4, or of a right input that is a matrix of float32 3, rounded to three bytes per number (`te/narrow_float.py`), or 2, as
whole numbers with scales (`te/fixed_point.py`); 4 if it is missing. The inner stage `{name}.weight` holds the rounded matrix or the whole
numbers, `{name}.weight.scale` the scales.
"""

from collections.abc import Callable, Sequence

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.type_rules import require, require_count, require_kind, require_same_dtype
from compiler.te import (
    FIXED_BYTES,
    NARROW_BYTES,
    Expr,
    Operand,
    Tensor,
    compute,
    dequantized,
    quantize,
    reduce_axis,
    round_to_narrow,
    sum_over,
)
from compiler.tensor_type import FLOAT32, TensorType


def _matrices(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of both inputs as (..., M, K) and (..., K, N)."""
    a, b = (inputs[0].shape, inputs[1].shape)
    left = (1, *a) if len(a) == 1 else (*a[:-2], a[-1], a[-2]) if attributes["transpose_a"] else a
    right = (*b, 1) if len(b) == 1 else (*b[:-2], b[-1], b[-2]) if attributes["transpose_b"] else b
    return left, right


def _infer(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("matmul", inputs, 2)
    require_kind("matmul", inputs, "fiu")
    require_same_dtype("matmul", inputs)
    require(all(each.shape for each in inputs), "matmul", "the inputs have at least one axis", inputs)
    left, right = _matrices(inputs, attributes)
    require(left[-1] == right[-2], "matmul", f"the inner extents are equal ({left[-1]} and {right[-2]})", inputs)
    try:
        batch = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        batch = None
    require(batch is not None, "matmul", "the batch axes broadcast together", inputs)
    if "weight_bytes" in attributes and attributes["weight_bytes"] != FLOAT32.itemsize:
        fits = attributes["weight_bytes"] in (NARROW_BYTES, FIXED_BYTES) and inputs[1].dtype == FLOAT32 and len(inputs[1].shape) == 2
        require(fits, "matmul", "weights take 4 bytes, or 3 or 2 where they are a matrix of float32", inputs)
    rows = () if len(inputs[0].shape) == 1 else (left[-2],)
    columns = () if len(inputs[1].shape) == 1 else (right[-1],)
    return (TensorType((*(batch or ()), *rows, *columns), inputs[0].dtype),)


def _compute(name: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    a, b = inputs
    out = _infer([a.type, b.type], attributes)[0].shape
    right = _right(f"{name}.weight", b, attributes)
    has_rows, has_columns = len(a.shape) > 1, len(b.shape) > 1
    batch_rank = len(out) - has_rows - has_columns
    k = reduce_axis(_matrices([a.type, b.type], attributes)[0][-1], "k")

    def batch_of(tensor: Tensor, batch: tuple[Expr, ...]) -> tuple[Expr | int, ...]:
        own = tensor.shape[:-2]
        return tuple(0 if extent == 1 else index for extent, index in zip(own, batch[len(batch) - len(own) :], strict=True))

    def position(tensor: Tensor, batch: tuple[Expr, ...], outer: Expr | None, transposed: bool) -> tuple[Operand, ...]:
        """In the left input, whose inner axis is the last; in the right one the same with `transposed` negated."""
        if outer is None:
            return (k.var,)
        return (*batch_of(tensor, batch), k.var, outer) if transposed else (*batch_of(tensor, batch), outer, k.var)

    def value(*indices: Expr) -> Expr:
        batch = indices[:batch_rank]
        left = a[position(a, batch, indices[batch_rank] if has_rows else None, attributes["transpose_a"])]
        return sum_over(left * right(position(b, batch, indices[-1] if has_columns else None, not attributes["transpose_b"])), k)

    names = (*(f"b{axis}" for axis in range(batch_rank)), *("m",) * has_rows, *("n",) * has_columns)
    return (compute(out, value, name, names),)


def _right(name: str, matrix: Tensor, attributes: Attributes) -> Callable[[Sequence[Operand]], Expr]:
    """What the product reads at a position of the right input."""
    reduced = 1 if attributes["transpose_b"] else 0
    axes = ("n", "k") if reduced else ("k", "n")
    weight_bytes = attributes.get("weight_bytes")
    if weight_bytes == FIXED_BYTES:
        whole, scale = quantize(matrix, reduced, name, axes)
        return lambda indices: dequantized(whole, scale, reduced, indices)
    kept = matrix
    if weight_bytes == NARROW_BYTES:
        kept = compute(matrix.shape, lambda *indices: round_to_narrow(matrix[indices]), name, axes)
    return lambda indices: kept[tuple(indices)]


def _reference(arrays: Sequence[Array], attributes: Attributes) -> Array:
    a, b = arrays
    a = a.swapaxes(-1, -2) if attributes["transpose_a"] and a.ndim > 1 else a
    b = b.swapaxes(-1, -2) if attributes["transpose_b"] and b.ndim > 1 else b
    return np.asarray(np.matmul(a, b))


MATMUL = register_operator(Operator("matmul", FusionKind.ANCHOR, _infer, _compute, in_float64(_reference)))
