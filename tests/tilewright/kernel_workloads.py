"""Workloads for the tests of labels and bounds: convolutions in all their forms, and what else a model has."""

from typing import Any

from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload

BLOCKED = "NCHW16c"


def convolution(
    channels: tuple[int, int],
    size: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    batch: int = 1,
    tile: tuple[int, int] | None = None,
) -> Workload:
    """Blocked, its weights constant, with a bias and a relu; output of `size` / `stride`."""
    into, out = channels
    pad = kernel // 2
    attributes: dict[str, Any] = {"strides": (stride, stride), "padding": (pad,) * 4, "dilations": (1, 1), "groups": groups}
    attributes |= {"layout": BLOCKED, "out_layout": BLOCKED} | ({} if tile is None else {"tile": tile})
    arguments = (
        Argument(TensorType((batch, into // 16, size, size, 16))),
        Argument(TensorType((out, into // groups, kernel, kernel)), constant=True),
        Argument(TensorType((1, out // 16, 1, 1, 16)), constant=True),
    )
    anchor = GroupOp("conv2d" if tile is None else "winograd_conv2d", (("arg", 0), ("arg", 1)), attributes)
    return Workload(arguments, (anchor, GroupOp("add", (("op", 0), ("arg", 2))), GroupOp("relu", (("op", 1),))))


def unary(op: str, shape: tuple[int, ...], **attributes: Any) -> Workload:
    return Workload((Argument(TensorType(shape)),), (GroupOp(op, (("arg", 0),), attributes),))


def dense(inner: int, outer: int) -> Workload:
    attributes = {"transpose_a": False, "transpose_b": False}
    arguments = (Argument(TensorType((1, inner))), Argument(TensorType((inner, outer)), constant=True))
    return Workload(arguments, (GroupOp("matmul", (("arg", 0), ("arg", 1)), attributes),))
