"""Workloads as other tools see them: one operator on plain NCHW data, nothing fused to it.

`autotvm_workload.py` makes them of tasks; `plain_form` makes the same of a kernel of a model, so that the two meet.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from compiler.ops import ConvShape, conv_shape
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload

CONVOLUTIONS = ("conv2d", "winograd_conv2d")


def single_operator(op: str, types: Sequence[TensorType], attributes: Mapping[str, Any], *, constant: bool = True) -> Workload:
    """The operator alone. constant: its inputs but the first. Raises `ShapeError` where they do not fit together."""
    arguments = tuple(Argument(kind, constant=constant and position > 0) for position, kind in enumerate(types))
    workload = Workload(arguments, (GroupOp(op, tuple(("arg", position) for position in range(len(types))), attributes),))
    workload.output_types  # noqa: B018 -- applies the operator's shape rule
    return workload


def plain_convolution(
    data: TensorType, weight: TensorType, strides: Sequence[int], padding: Sequence[int], dilations: Sequence[int], groups: int = 1
) -> Workload:
    """padding: top, left, bottom, right. Raises `ShapeError`."""
    attributes = {
        "strides": tuple(strides),
        "padding": tuple(padding),
        "dilations": tuple(dilations),
        "groups": groups,
        "layout": "NCHW",
        "out_layout": "NCHW",
    }
    return single_operator("conv2d", (data, weight), attributes)


def plain_form(workload: Workload) -> Workload | None:
    """The convolution that `workload` is built around, whatever its layouts and its form; None where it is built around none."""
    shape = anchored_convolution(workload)
    if shape is None:
        return None
    dtype = workload.arguments[workload.ops[workload.anchor].inputs[1][1]].type.dtype
    data = TensorType((shape.batch, shape.in_channels, *shape.in_size), dtype)
    weight = TensorType((shape.out_channels, shape.in_channels // shape.groups, *shape.kernel), dtype)
    return plain_convolution(data, weight, shape.strides, shape.padding, shape.dilations, shape.groups)


def anchored_convolution(workload: Workload) -> ConvShape | None:
    """The numbers of the convolution that `workload` is built around, if its inputs are the workload's own."""
    anchor = workload.ops[workload.anchor]
    if anchor.op not in CONVOLUTIONS or any(source != "arg" for source, _ in anchor.inputs):
        return None
    data, weight = (workload.arguments[index].type for _, index in anchor.inputs)
    return conv_shape(data, weight, anchor.attributes)
