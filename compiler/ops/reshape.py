"""The same elements in the same order under another shape: reshape, flatten, squeeze and unsqueeze of a model all become this one view.

reshape(x)    attributes: shape (every extent known, none 0 or -1 standing for another)
No kernel runs for it unless it is fused; then the index arithmetic of each run of axes with equal products stays apart.
"""

from collections.abc import Sequence
from math import prod

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.type_rules import require, require_count
from compiler.te import Const, Expr, Tensor, compute
from compiler.tensor_type import TensorType

AxisRun = tuple[list[int], list[int]]


def matching_runs(source: Sequence[int], target: Sequence[int]) -> list[AxisRun]:
    """The shortest runs of (source axes, target axes) with equal products, in order. No extent is 0; extents of 1 are left out.

    >>> matching_runs((6, 5, 4), (2, 3, 20))
    [([0], [0, 1]), ([1, 2], [2])]
    """
    left = [axis for axis, extent in enumerate(source) if extent != 1]
    right = [axis for axis, extent in enumerate(target) if extent != 1]
    runs: list[AxisRun] = []
    while left and right:
        ours, theirs = [left.pop(0)], [right.pop(0)]
        while (a := prod(source[axis] for axis in ours)) != (b := prod(target[axis] for axis in theirs)):
            if a < b:
                ours.append(left.pop(0))
            else:
                theirs.append(right.pop(0))
        runs.append((ours, theirs))
    return runs


def source_index(source: Sequence[int], target: Sequence[int], index: Sequence[Expr]) -> tuple[Expr, ...]:
    """Where the element at `index` of a view of shape `target` stands in the tensor of shape `source`."""
    places: list[Expr] = [Const(0)] * len(source)
    if prod(source) == 0:
        return tuple(places)
    for ours, theirs in matching_runs(source, target):
        flat: Expr = Const(0)
        for axis in theirs:
            flat = flat * target[axis] + index[axis]
        stride = prod(source[axis] for axis in ours)
        for position, axis in enumerate(ours):
            stride //= source[axis]
            quotient = flat // stride
            places[axis] = quotient if position == 0 else quotient % source[axis]
    return tuple(places)


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("reshape", inputs, 1)
    shape = tuple(attributes["shape"])
    fits = min(shape, default=1) >= 0 and prod(shape) == inputs[0].element_count
    require(fits, "reshape", f"the shape {list(shape)} does not hold the same number of elements", inputs)
    return (TensorType(shape, inputs[0].dtype),)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,), shape = inputs, tuple(attributes["shape"])
    return (compute(shape, lambda *index: x[source_index(x.shape, shape, index)], stage),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    return (arrays[0].reshape(attributes["shape"]),)


register_operator(Operator("reshape", FusionKind.VIEW, _infer_types, _stages, _reference))
