"""Names of activation layouts: "NCHW" (channels on axis 1, any number of spatial axes) and "NCHW{c}c".

A blocked tensor "NCHW16c" has five axes: N, ceil(C / 16), H, W, 16; its lanes beyond C hold any finite value. Used by the pools, the
normalisations and `layout_transform`.
"""

import re

import numpy as np

from compiler.errors import ShapeError
from compiler.ops.operator import Array

PLAIN = "NCHW"
SPATIAL_NAMES = {0: "", 1: "w", 2: "hw", 3: "dhw"}


def blocked_layout(block: int) -> str:
    """`blocked_layout(16)` is "NCHW16c"."""
    return f"NCHW{block}c"


def channel_block(layout: str) -> int:
    """The channels of one block: 16 for "NCHW16c", 0 for the plain "NCHW"."""
    if layout == PLAIN:
        return 0
    match = re.fullmatch(r"NCHW([1-9]\d*)c", layout)
    if match is None:
        raise ShapeError(f"unknown layout {layout!r}; known: NCHW and NCHW{{c}}c with a positive number c, such as NCHW16c")
    return int(match[1])


def spatial_axes(layout: str, rank: int) -> tuple[int, ...]:
    """Positions of the spatial axes of a tensor of `rank` axes."""
    return (2, 3) if channel_block(layout) else tuple(range(2, rank))


def layout_axis_names(layout: str, rank: int) -> tuple[str, ...]:
    """n, c, h, w; n, c, w; n, c, d, h, w; n, co, h, w, ci. Beyond three spatial axes s0, s1, ..."""
    if channel_block(layout):
        return ("n", "co", "h", "w", "ci")
    count = max(0, rank - 2)
    return (*("n", "c")[:rank], *(SPATIAL_NAMES[count] if count in SPATIAL_NAMES else tuple(f"s{axis}" for axis in range(count))))


def fits_layout(layout: str, shape: tuple[int, ...]) -> bool:
    """Whether a shape can be read in this layout."""
    block = channel_block(layout)
    return len(shape) == 5 and shape[4] == block if block else len(shape) >= 2


def to_plain(x: Array, layout: str, channels: int) -> Array:
    """A blocked array as NCHW; a plain one as it is."""
    if not channel_block(layout):
        return x
    n, blocks, h, w, block = x.shape
    return x.transpose(0, 1, 4, 2, 3).reshape(n, blocks * block, h, w)[:, :channels]


def from_plain(x: Array, layout: str) -> Array:
    """The inverse: lanes beyond the channels are 0."""
    block = channel_block(layout)
    if not block:
        return x
    n, channels, h, w = x.shape
    blocks = -(-channels // block)
    padded = np.pad(x, ((0, 0), (0, blocks * block - channels), (0, 0), (0, 0)))
    return padded.reshape(n, blocks, block, h, w).transpose(0, 1, 3, 4, 2)
