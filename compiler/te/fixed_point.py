"""Matrices of float32 kept as whole numbers of two bytes times a scale: one per column and `BLOCK` numbers along the reduction.

What streams from memory at every call takes half of the time so. A number errs by at most half its scale, the largest of its block over
2 * `LARGEST`. Of a block's root sum of squares the errors' is typically 2e-5, and 1.2e-4 at worst, where all numbers but one are small:
outliers spoil their own block only. This is block floating point (Wilkinson, Rounding Errors in Algebraic Processes, 1963). Used by
operators.
"""

from collections.abc import Sequence

import numpy as np

from compiler.te.expr import Expr, Operand, binary, call, cast, select
from compiler.te.tensor import Tensor, compute, max_over, reduce_axis
from compiler.tensor_type import FLOAT32

FIXED = np.dtype(np.int16)
FIXED_BYTES = FIXED.itemsize
BLOCK = 64
LARGEST = 2**15 - 1


def quantize(matrix: Tensor, reduced: int, name: str, axis_names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """`{name}` of dtype `FIXED`, with the shape of `matrix`; and `{name}.scale`, with one number per block along the axis `reduced`."""
    blocks = list(matrix.shape)
    extent, blocks[reduced] = blocks[reduced], -(-blocks[reduced] // BLOCK)
    step = reduce_axis(BLOCK, "step")

    def magnitude(*block: Expr) -> Expr:
        position = block[reduced] * BLOCK + step.var
        value = call("abs", matrix[tuple(position if axis == reduced else index for axis, index in enumerate(block))])
        return max_over(select(position < extent, value, 0.0) if extent % BLOCK else value, step)

    largest = compute(blocks, magnitude, f"{name}.largest", axis_names)
    scale = compute(blocks, lambda *block: largest[block] * (1 / LARGEST), f"{name}.scale", axis_names)

    def whole(*indices: Expr) -> Expr:
        unit = _scale_of(scale, reduced, indices)
        return cast(FIXED, select(unit > 0.0, call("round", binary("div", matrix[indices], unit)), 0.0))

    return compute(matrix.shape, whole, name, axis_names), scale


def dequantized(whole: Tensor, scale: Tensor, reduced: int, indices: Sequence[Operand]) -> Expr:
    """The float32 at `indices` of the matrix that `quantize` made these of."""
    return cast(FLOAT32, whole[tuple(indices)]) * _scale_of(scale, reduced, indices)


def _scale_of(scale: Tensor, reduced: int, indices: Sequence[Operand]) -> Expr:
    return scale[tuple(binary("floordiv", index, BLOCK) if axis == reduced else index for axis, index in enumerate(indices))]
