"""Writes a purely element-wise workload with as few axes as it needs. In: Workload. Out: an equal one over the same bytes.

Axes of extent 1 go, and neighbouring axes that each argument either spans or is broadcast along are one axis, since buffers are dense:
add (1,64,56,56)(1,64,56,56) becomes add (200704,)(200704,), and add (1,64,56,56)(64,1,1) becomes add (64,3136)(64,1).
"""

from dataclasses import replace
from math import prod

from compiler.ops import FusionKind, get_operator
from compiler.tensor_type import TensorType
from compiler.workload import Argument, Workload


def _padded(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(shape)) + shape


def collapse_axes(workload: Workload) -> Workload:
    if any(get_operator(op.op).fusion != FusionKind.ELEMENTWISE or "layout" in op.attributes for op in workload.ops):
        return workload
    shape = workload.output_types[0].shape
    shapes = [_padded(argument.type.shape, len(shape)) for argument in workload.arguments]
    merged: list[tuple[tuple[bool, ...], list[int]]] = []  # which arguments span the axis; the axes
    for axis, extent in enumerate(shape):
        if extent == 1:
            continue
        spans = tuple(each[axis] == extent for each in shapes)
        if merged and merged[-1][0] == spans:
            merged[-1][1].append(axis)
        else:
            merged.append((spans, [axis]))
    axes = [group for _, group in merged] or [[]]

    def collapsed(argument: Argument, padded: tuple[int, ...]) -> Argument:
        new = tuple(prod(padded[axis] for axis in group) for group in axes)
        return replace(argument, type=TensorType(new if prod(new) != 1 or prod(shape) == 1 else (), argument.type.dtype))

    arguments = tuple(collapsed(argument, padded) for argument, padded in zip(workload.arguments, shapes, strict=True))
    return Workload(arguments, workload.ops, workload.anchor)
