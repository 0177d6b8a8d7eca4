"""Change of an activation tensor's layout: packing into channel blocks, unpacking, or from one block size to another.

layout_transform(x)    attributes: source, destination (see layout.py), channels (the number of channels, which a blocked shape only bounds)
Packing fills the lanes beyond the channels with zeros; unpacking leaves them out.
"""

from collections.abc import Sequence
from typing import Any

from compiler.ops.layout import channel_block, fits_layout, from_plain, layout_axis_names, to_plain
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.type_rules import require, require_count
from compiler.te import Expr, Tensor, compute, select
from compiler.tensor_type import TensorType


def _shape(shape: tuple[int, ...], attributes: Attributes) -> tuple[int, ...]:
    channels, block = attributes["channels"], channel_block(attributes["destination"])
    n, h, w = shape[0], shape[2], shape[3]
    return (n, -(-channels // block), h, w, block) if block else (n, channels, h, w)


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("layout_transform", inputs, 1)
    source, channels, shape = attributes["source"], attributes["channels"], inputs[0].shape
    block = channel_block(source)
    blocks = -(-channels // block) if block else channels
    fits = fits_layout(source, shape) and len(shape) == (5 if block else 4) and shape[1] == blocks
    require(fits, "layout_transform", f"needs an input of layout {source} with {channels} channels", inputs)
    return (TensorType(_shape(shape, attributes), inputs[0].dtype),)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,) = inputs
    source, destination, channels = attributes["source"], attributes["destination"], attributes["channels"]
    read, written = channel_block(source), channel_block(destination)
    shape = _shape(x.shape, attributes)

    def element(*index: Expr) -> Expr:
        n, outer, h, w = index[:4]
        channel = outer * written + index[4] if written else outer
        value = x[n, channel // read, h, w, channel % read] if read else x[n, channel, h, w]
        return select(channel < channels, value, x.dtype.type(0).item()) if written and channels % written else value

    return (compute(shape, element, stage, layout_axis_names(destination, len(shape))),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Any, ...]:
    plain = to_plain(arrays[0], attributes["source"], attributes["channels"])
    return (from_plain(plain, attributes["destination"]).copy(),)


register_operator(Operator("layout_transform", FusionKind.INJECTIVE, _infer_types, _stages, _reference))
