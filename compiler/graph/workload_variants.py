"""The algorithms that a workload can be computed by, each a workload of its own with its own space. In: Workload. Out: Workloads.

A convolution of blocked activations with stride 1 or 2 has Winograd forms F(my x mx, r x s) beside the direct one. Which is best depends
on the shape and on the device, so they are tuned side by side, and the driver takes the fastest (`compiler/driver/choose_variant.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, prod

from compiler.ops import channel_block
from compiler.target import Target
from compiler.workload import GroupOp, Workload

WINOGRAD_TILES = {1: (1,), 2: (4, 6), 3: (2, 4, 6), 4: (2, 4), 5: (2, 4), 7: (2,)}  # taps -> sizes of output tiles
ERROR_OF_PRODUCTS = {1: 1e-6, 4: 3e-6, 6: 3e-5, 8: 1e-4}  # elements of a transformed row -> typical error, of the largest output
MAX_WINOGRAD = 4  # forms of one convolution
MIN_CHANNELS = 8  # on each side
MAX_RATIO = 1.2  # predicted time over that of the direct form, above which a form is not worth trials

BYTES_PER_CYCLE = 16.0  # of weights that come from memory, as far as prefetching does not hide it (Zen 5)
TRANSFORM_CYCLES = 3.0  # per transformed vector: its loads, stores and additions
PLAIN_CYCLES = 5.0  # the same where the data is plain and has to be rearranged first


@dataclass(frozen=True, slots=True)
class _Convolution:
    """Extents of a blocked convolution of one group; channels with their padding lanes."""

    batch: int
    in_channels: int
    out_channels: int
    out_size: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]

    @property
    def taps(self) -> tuple[int, int]:
        """Of one phase of the input: all of the kernel's with stride 1."""
        return -(-self.kernel[0] // self.strides[0]), -(-self.kernel[1] // self.strides[1])


def workload_variants(workload: Workload, target: Target, max_rel_error: float = inf) -> tuple[Workload, ...]:
    """The workload itself first, then its other forms, those with the least predicted time first.

    max_rel_error: forms whose typical error, relative to the largest output, is above it are left out.
    """
    convolution = _winograd_convolution(workload)
    if convolution is None:
        return (workload,)
    direct = predicted_cycles(workload, target)
    forms = [_with_tile(workload, tile) for tile in _tiles(convolution, max_rel_error)]
    ranked = sorted((predicted_cycles(form, target), position) for position, form in enumerate(forms))
    return (workload, *(forms[position] for cycles, position in ranked[:MAX_WINOGRAD] if cycles < MAX_RATIO * direct))


def predicted_cycles(workload: Workload, target: Target) -> float:
    """Of the anchor of a form, as far as forms of one convolution differ; 0 for what has one form.

    The weights come from beyond the caches of a core, and its cores share the way to them: with more cores, forms with few weights gain.
    """
    anchor = workload.ops[workload.anchor]
    convolution = _convolution(workload)
    if convolution is None:
        return 0.0
    lanes = target.vector_lanes
    pixels = convolution.batch * convolution.out_size[0] * convolution.out_size[1]
    taps = convolution.kernel[0] * convolution.kernel[1]
    weights = convolution.in_channels * convolution.out_channels
    if anchor.op == "conv2d":
        return pixels * taps * weights / (2 * lanes * target.cores) + 4 * taps * weights / BYTES_PER_CYCLE
    my, mx = (int(size) for size in anchor.attributes["tile"])
    tiles = convolution.batch * -(-convolution.out_size[0] // my) * -(-convolution.out_size[1] // mx)
    products, phases = (my + convolution.taps[0] - 1) * (mx + convolution.taps[1] - 1), prod(convolution.strides)
    weights *= phases
    arithmetic = tiles * products * weights / (2 * lanes)
    vectors = tiles * products * (phases * convolution.in_channels + convolution.out_channels) / lanes
    transforms = vectors * (PLAIN_CYCLES if channel_block(str(anchor.attributes["layout"])) == 0 else TRANSFORM_CYCLES)
    return (arithmetic + transforms) / target.cores + 4 * products * weights / BYTES_PER_CYCLE


def _convolution(workload: Workload) -> _Convolution | None:
    """The anchor's extents, if it is a convolution from a blocked to a blocked layout."""
    anchor = workload.ops[workload.anchor]
    if anchor.op not in ("conv2d", "winograd_conv2d") or any(source != "arg" for source, _ in anchor.inputs):
        return None
    block = channel_block(str(anchor.attributes["layout"]))
    block_out = channel_block(str(anchor.attributes["out_layout"]))
    if not block_out or block not in (0, block_out):
        return None
    data, weight = (workload.arguments[index].type.shape for _, index in anchor.inputs)
    top, left, bottom, right = anchor.attributes["padding"]
    sy, sx = (int(stride) for stride in anchor.attributes["strides"])
    out_size = ((data[2] + top + bottom - weight[2]) // sy + 1, (data[3] + left + right - weight[3]) // sx + 1)
    return _Convolution(data[0], data[1] * (block or 1), -(-weight[0] // block_out) * block_out, out_size, (weight[2], weight[3]), (sy, sx))


def _winograd_convolution(workload: Workload) -> _Convolution | None:
    """The extents of a direct convolution that has Winograd forms."""
    anchor = workload.ops[workload.anchor]
    if anchor.op != "conv2d" or anchor.attributes["groups"] != 1:
        return None
    if max(anchor.attributes["strides"]) > 2 or set(anchor.attributes["dilations"]) != {1}:
        return None
    weight = workload.arguments[anchor.inputs[1][1]]
    plain = channel_block(str(anchor.attributes["layout"])) == 0
    if anchor.inputs[1][0] != "arg" or not weight.constant or min(weight.type.shape[: 1 if plain else 2]) < MIN_CHANNELS:
        return None
    found = _convolution(workload)
    return found if found is not None and max(found.taps) > 1 and all(taps in WINOGRAD_TILES for taps in found.taps) else None


def _tiles(convolution: _Convolution, max_rel_error: float) -> Iterator[tuple[int, int]]:
    (height, width), (rows, columns) = convolution.out_size, convolution.taps
    for my, mx in product(_sizes(rows, height), _sizes(columns, width)):
        if max(_typical_error(my + rows - 1), _typical_error(mx + columns - 1)) <= max_rel_error:
            yield my, mx


def _sizes(taps: int, size: int) -> Sequence[int]:
    """Output tiles along one axis; none that is much longer than the axis itself."""
    sizes = WINOGRAD_TILES[taps]
    return [m for m in sizes if m == sizes[0] or m < 2 * size]


def _typical_error(products: int) -> float:
    return next(error for limit, error in ERROR_OF_PRODUCTS.items() if products <= limit)


def _with_tile(workload: Workload, tile: tuple[int, int]) -> Workload:
    anchor = workload.ops[workload.anchor]
    form = GroupOp("winograd_conv2d", anchor.inputs, {**anchor.attributes, "tile": tile})
    ops = (*workload.ops[: workload.anchor], form, *workload.ops[workload.anchor + 1 :])
    return Workload(workload.arguments, ops, workload.anchor)
