"""winograd_conv2d: the convolutions of `conv.py` with one group, by Winograd's F(my x mx, r x s) on tiles of the output.

Attributes: those of conv2d, and tile (my, mx). Both layouts are the same "NCHW{c}c", or the data is plain: then each channel is a block of
its own, and ici is always 0. For tile p, a block of my x mx output pixels:

    {name}.half[ic, u, x, p, ici]        B^T d          rows of the window, d with its border of zeros from {name}.pad
    {name}.input[u, v, ic, p, ici]       (B^T d) B
    {name}.weight[oc, u, v, ic, ici, oci]  G g G^T, in two steps as well; made when the model is compiled where the weight is a constant
    {name}.product[u, v, oc, p, oci]     sum over ic, ici: (my + r - 1) * (mx + s - 1) matrix products
    {name}.columns[oc, p, y, v, oci]     A^T M
    {name}[n, oc, y, x, oci]             (A^T M) A

A stride of 2 leaves a convolution with stride 1 over phases: the pixels with even and with odd coordinates count as channels of their own,
ic runs over (phase of y, phase of x, block of channels), and r is the number of taps that a phase has, half of the kernel's, rounded up.

The transforms are in `toom_cook.py`; the loops in `schedule_space/winograd.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.errors import ShapeError
from compiler.ops.conv import CONV2D, ConvShape, conv_shape, pad_border, stored_weight
from compiler.ops.operator import Attributes, FusionKind, Operator, register_operator
from compiler.ops.toom_cook import ShortConvolution, short_convolution
from compiler.te import Expr, Tensor, compute, equal, logical_and, reduce_axis, select, sum_over
from compiler.tensor_type import TensorType


@dataclass(frozen=True, slots=True)
class WinogradTiles:
    """vertical, horizontal: F(my, r) and F(mx, s). counts: tiles along y and x of one image. phases: along y and x, the strides."""

    vertical: ShortConvolution
    horizontal: ShortConvolution
    counts: tuple[int, int]
    phases: tuple[int, int]

    def phase_of(self, channel: Expr, blocks: int) -> tuple[Expr, Expr, Expr]:
        """(phase of y, phase of x, block of channels) of the channel axis of the products."""
        return channel // (blocks * self.phases[1]), channel // blocks % self.phases[1], channel % blocks


def winograd_tiles(shape: ConvShape, tile: Sequence[int]) -> WinogradTiles:
    """Check that the convolution has this form; raises `ShapeError`."""
    blocked = shape.block_out and shape.block_in in (0, shape.block_out)
    if shape.groups != 1 or shape.dilations != (1, 1) or not blocked:
        raise ShapeError("winograd_conv2d: only a convolution to a blocked layout, of one group and without dilation, has this form")
    taps = [-(-kernel // stride) for kernel, stride in zip(shape.kernel, shape.strides, strict=True)]
    try:
        vertical, horizontal = short_convolution(tile[0], taps[0]), short_convolution(tile[1], taps[1])
    except ValueError as error:
        raise ShapeError(f"winograd_conv2d: {error}") from error
    return WinogradTiles(vertical, horizontal, (-(-shape.out_size[0] // tile[0]), -(-shape.out_size[1] // tile[1])), shape.strides)


def _infer(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    types = CONV2D.infer_types(inputs, attributes)
    winograd_tiles(conv_shape(inputs[0], inputs[1], attributes), attributes["tile"])
    return types


def pick(index: Expr, rows: Sequence[Expr]) -> Expr:
    """rows[index]."""
    result = rows[-1]
    for position in reversed(range(len(rows) - 1)):
        result = select(equal(index, position), rows[position], result)
    return result


def _compute(name: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    data, weight = inputs
    shape = conv_shape(data.type, weight.type, attributes)
    tiles = winograd_tiles(shape, attributes["tile"])
    product = _product(name, _transformed_input(name, data, shape, tiles), _transformed_weight(name, weight, shape, tiles))
    return (_output(name, product, shape, tiles),)


def _transformed_input(name: str, data: Tensor, shape: ConvShape, tiles: WinogradTiles) -> Tensor:
    (my, mx), (rows, columns) = (tiles.vertical.outputs, tiles.horizontal.outputs), tiles.counts
    heights, widths = tiles.vertical.products, tiles.horizontal.products
    top, left, _, _ = shape.padding
    (sy, sx), blocks = tiles.phases, data.shape[1]
    bottom = sy * (rows * my + tiles.vertical.taps - 1) - top - shape.in_size[0]
    right = sx * (columns * mx + tiles.horizontal.taps - 1) - left - shape.in_size[1]
    padded = pad_border(name, data, (top, left, max(0, bottom), max(0, right)))
    count, channels, lanes = shape.batch * rows * columns, sy * sx * blocks, shape.block_in or 1

    def half(ic: Expr, u: Expr, x: Expr, p: Expr, ici: Expr) -> Expr:
        image, row, column = p // (rows * columns), p // columns % rows, p % columns
        above, before, block = tiles.phase_of(ic, blocks)
        lane = (ici,) if shape.block_in else ()
        window = [padded[(image, block, (row * my + y) * sy + above, (column * mx + x) * sx + before, *lane)] for y in range(heights)]
        return pick(u, tiles.vertical.transform_input(window))

    halves = compute((channels, heights, widths, count, lanes), half, f"{name}.half", ("ic", "u", "x", "p", "ici"))

    def whole(u: Expr, v: Expr, ic: Expr, p: Expr, ici: Expr) -> Expr:
        return pick(v, tiles.horizontal.transform_input([halves[ic, u, x, p, ici] for x in range(widths)]))

    return compute((heights, widths, channels, count, lanes), whole, f"{name}.input", ("u", "v", "ic", "p", "ici"))


def _transformed_weight(name: str, weight: Tensor, shape: ConvShape, tiles: WinogradTiles) -> Tensor:
    lanes, block_in, (out_channels, in_channels) = shape.block_out, shape.block_in or 1, weight.shape[:2]
    blocks, in_blocks = -(-out_channels // lanes), -(-in_channels // block_in)
    in_lanes = min(block_in, in_channels)
    (heights, widths), (sy, sx) = (tiles.vertical.products, tiles.horizontal.products), tiles.phases
    channels, columns = sy * sx * in_blocks, tiles.horizontal.taps

    def half(oc: Expr, u: Expr, s: Expr, ic: Expr, ici: Expr, oci: Expr) -> Expr:
        above, before, block = tiles.phase_of(ic, in_blocks)
        exists = logical_and(oc * lanes + oci < out_channels, block * block_in + ici < in_channels)
        taps: list[Expr] = []
        for r in range(tiles.vertical.taps):
            y, x = r * sy + above, s * sx + before
            inside = logical_and(exists, y < shape.kernel[0], x < shape.kernel[1]) if max(sy, sx) > 1 else exists
            taps.append(select(inside, weight[oc * lanes + oci, block * block_in + ici, y, x], 0.0))
        return pick(u, tiles.vertical.transform_weight(taps))

    names = ("oc", "u", "s", "ic", "ici", "oci")
    halves = compute((blocks, heights, columns, channels, in_lanes, lanes), half, f"{name}.weight_half", names)

    def whole(oc: Expr, u: Expr, v: Expr, ic: Expr, ici: Expr, oci: Expr) -> Expr:
        taps = [halves[oc, u, s, ic, ici, oci] for s in range(columns)]
        return stored_weight(pick(v, tiles.horizontal.transform_weight(taps)), shape)

    names = ("oc", "u", "v", "ic", "ici", "oci")
    return compute((blocks, heights, widths, channels, in_lanes, lanes), whole, f"{name}.weight", names)


def _product(name: str, data: Tensor, weight: Tensor) -> Tensor:
    heights, widths, _, count, _ = data.shape
    blocks, _, _, in_blocks, in_lanes, lanes = weight.shape
    ic, ici = reduce_axis(in_blocks, "ic"), reduce_axis(in_lanes, "ici")
    return compute(
        (heights, widths, blocks, count, lanes),
        lambda u, v, oc, p, oci: sum_over(data[u, v, ic, p, ici] * weight[oc, u, v, ic, ici, oci], ic, ici),
        f"{name}.product",
        ("u", "v", "oc", "p", "oci"),
    )


def _output(name: str, product: Tensor, shape: ConvShape, tiles: WinogradTiles) -> Tensor:
    (my, mx), (rows, columns) = (tiles.vertical.outputs, tiles.horizontal.outputs), tiles.counts
    heights, widths, blocks, count, lanes = product.shape

    def half(oc: Expr, p: Expr, y: Expr, v: Expr, oci: Expr) -> Expr:
        return pick(y, tiles.vertical.transform_output([product[u, v, oc, p, oci] for u in range(heights)]))

    halves = compute((blocks, count, my, widths, lanes), half, f"{name}.columns", ("oc", "p", "y", "v", "oci"))

    def whole(n: Expr, oc: Expr, y: Expr, x: Expr, oci: Expr) -> Expr:
        p = (n * rows + y // my) * columns + x // mx
        return pick(x % mx, tiles.horizontal.transform_output([halves[oc, p, y % my, v, oci] for v in range(widths)]))

    return compute((shape.batch, blocks, *shape.out_size, lanes), whole, name, ("n", "oc", "oh", "ow", "oci"))


WINOGRAD_CONV2D = register_operator(Operator("winograd_conv2d", FusionKind.ANCHOR, _infer, _compute, CONV2D.reference))
