"""The checks that the operators' shape rules share: each raises an error that names the operator and the types it was given.

Used by every `infer_types` in this folder; next: the operator files, one per family.
"""

from collections.abc import Sequence

import numpy as np

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.te import Expr, Tensor
from compiler.tensor_type import TensorType

KIND_NAMES = {"f": "floating point", "i": "signed integer", "u": "unsigned integer", "b": "bool"}


def describe(inputs: Sequence[TensorType]) -> str:
    """`float32[2, 3], int64[4]`, or `nothing`."""
    return ", ".join(map(str, inputs)) or "nothing"


def require(condition: bool, op: str, rule: str, inputs: Sequence[TensorType]) -> None:
    """Raises `ShapeError` unless `condition`; `rule` says what the operator asks for."""
    if not condition:
        raise ShapeError(f"{op}: {rule}; found {describe(inputs)}")


def require_count(op: str, inputs: Sequence[TensorType], *counts: int) -> None:
    require(len(inputs) in counts, op, f"takes {' or '.join(map(str, counts))} inputs", inputs)


def require_kind(op: str, inputs: Sequence[TensorType], kinds: str) -> None:
    """Every input's dtype is of one of the numpy `kinds` ("fib" and so on)."""
    for kind in (each.dtype.kind for each in inputs):
        if kind not in kinds:
            allowed = ", ".join(KIND_NAMES[each] for each in kinds)
            raise UnsupportedOperator(f"{op}: has no implementation for {describe(inputs)}; supported element types: {allowed}")


def require_same_dtype(op: str, inputs: Sequence[TensorType]) -> None:
    require(len({each.dtype for each in inputs}) == 1, op, "needs inputs of one element type", inputs)


def require_axis(op: str, axis: int, inputs: Sequence[TensorType]) -> int:
    """A non-negative axis of the first input."""
    rank = len(inputs[0].shape)
    require(isinstance(axis, int) and 0 <= axis < rank, op, f"axis {axis!r} is not in [0, {rank})", inputs)
    return axis


def broadcast_shape(op: str, inputs: Sequence[TensorType]) -> tuple[int, ...]:
    """The common shape by numpy's rules."""
    try:
        return tuple(np.broadcast_shapes(*(each.shape for each in inputs)))
    except ValueError:
        raise ShapeError(f"{op}: the shapes do not broadcast together; found {describe(inputs)}") from None


def load_broadcast(tensor: Tensor, indices: Sequence[Expr]) -> Expr:
    """The element of `tensor` that numpy's broadcasting puts at `indices` of the (larger) output."""
    trailing = indices[len(indices) - len(tensor.shape) :]
    return tensor[tuple(0 if extent == 1 else index for extent, index in zip(tensor.shape, trailing, strict=True))]
