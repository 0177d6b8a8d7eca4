"""ONNX frontend: the sliding window that convolutions and pools share: kernel, strides, dilations and padding over the spatial axes.

In: the attributes `kernel_shape`, `strides`, `dilations`, `pads` and `auto_pad` of a node. Out: a `Window` with explicit padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.errors import ModelError, ShapeError, UnsupportedOperator
from compiler.frontends.onnx.onnx_node import OnnxNode

AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


@dataclass(frozen=True, slots=True)
class Window:
    """One entry per spatial axis, outermost first; before, after: padded elements on either side."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def padding(self) -> tuple[int, ...]:
        """All starts, then all ends: the order of ONNX and of the graph's operators."""
        return self.before + self.after

    def with_unit_height(self) -> "Window":
        """The window of one axis as one of two axes, the first of extent 1."""
        return Window((1, *self.kernel), (1, *self.strides), (1, *self.dilations), (0, *self.before), (0, *self.after))


def read_window(node: OnnxNode, spatial: Sequence[int], kernel: Sequence[int] | None) -> Window:
    """The window over axes of extents `spatial`; `kernel` is what the weights say, or None for a pool."""
    declared = node.optional_ints_attribute("kernel_shape")
    if kernel is not None and declared is not None and tuple(kernel) != declared:
        raise ShapeError(f"kernel_shape is {declared}, the weights have {tuple(kernel)}")
    extents = tuple(kernel) if kernel is not None else declared
    if extents is None:
        raise ModelError("attribute 'kernel_shape' is missing")
    rank = len(spatial)
    strides = node.ints_attribute("strides", (1,) * rank)
    dilations = node.ints_attribute("dilations", (1,) * rank)
    pads = node.ints_attribute("pads", (0,) * (2 * rank))
    if not len(extents) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
        raise ShapeError(
            f"kernel_shape {extents}, strides {strides}, dilations {dilations} and pads {pads} do not fit {rank} spatial dimensions"
        )
    if min(pads, default=0) < 0:
        raise UnsupportedOperator(f"pads {pads} are negative; supported are zero and more")
    if min((*strides, *dilations), default=1) < 1:
        raise ModelError(f"strides {strides} and dilations {dilations} must be positive")
    return Window(extents, strides, dilations, pads[:rank], pads[rank:])


def auto_pad_mode(node: OnnxNode) -> str:
    mode = node.string_attribute("auto_pad", "NOTSET") or "NOTSET"
    if mode not in AUTO_PADS:
        raise UnsupportedOperator(f"auto_pad {mode!r} is unknown; supported are {', '.join(AUTO_PADS)}")
    return mode


def apply_auto_pad(mode: str, window: Window, spatial: Sequence[int]) -> Window:
    """Explicit padding for a convolution or pool: SAME makes ceil(extent / stride) outputs, the odd element at the end or the start."""
    if mode == "NOTSET":
        return window
    rank = len(spatial)
    before, after = [0] * rank, [0] * rank
    if mode != "VALID":
        for axis, (extent, kernel, stride, dilation) in enumerate(
            zip(spatial, window.kernel, window.strides, window.dilations, strict=True)
        ):
            outputs = -(-extent // stride)
            total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - extent, 0)
            before[axis], after[axis] = split_padding(total, more_at_end=mode == "SAME_UPPER")
    return Window(window.kernel, window.strides, window.dilations, tuple(before), tuple(after))


def split_padding(total: int, *, more_at_end: bool) -> tuple[int, int]:
    smaller = total // 2
    return (smaller, total - smaller) if more_at_end else (total - smaller, smaller)
