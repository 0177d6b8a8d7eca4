"""The algorithms that a workload can be computed by, each a workload of its own with its own space. In: Workload. Out: Workloads.

A convolution of blocked activations with stride 1 or 2 has Winograd forms F(my x mx, r x s) beside the direct one. Weights that come from
memory at every call are kept in fewer bytes: large ones of convolutions in three each (`te/narrow_float.py`), large matrices that few rows
are multiplied by in two (`te/fixed_point.py`), or in three where less error is allowed. Which form is best depends on the shape and on the
device, so they are tuned side by side, and the driver takes the fastest (`compiler/driver/choose_variant.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, prod

from compiler.graph.workload_cost import weight_growth
from compiler.ops import channel_block
from compiler.target import Target
from compiler.te import FIXED_BYTES, NARROW_BYTES
from compiler.tensor_type import FLOAT32
from compiler.workload import GroupOp, Workload

WINOGRAD_TILES = {1: (1,), 2: (4, 6), 3: (2, 4, 6), 4: (2, 4), 5: (2, 4), 7: (2,)}  # taps -> sizes of output tiles
ERROR_OF_PRODUCTS = {1: 1e-6, 4: 3e-6, 6: 3e-5, 8: 1e-4}  # elements of a transformed row -> typical error, of the largest output
MAX_WINOGRAD = 4  # forms of one convolution
MIN_CHANNELS = 8  # on each side
MIN_NARROW_BYTES = 1 << 20  # of weights that have narrow forms, in four bytes each: what no cache of a core keeps from call to call
MAX_NARROW = 3  # narrow forms of one convolution
# The same with narrow weights, by the elements along the longer axis, for tiles of at most 4 x 6: those of 6 x 6 would err by 1.7e-4.
ERROR_OF_NARROW = {1: 1e-5, 4: 2e-5, 6: 8e-5}
ERROR_OF_FIXED = 4e-5  # of products by matrices in fixed point
MAX_RATIO = 1.2  # predicted time over that of the direct form, above which a form is not worth trials

BYTES_PER_CYCLE = 16.0  # of weights that come from memory, as far as prefetching does not hide it (Zen 5)
TRANSFORM_CYCLES = 3.0  # per transformed vector: its loads, stores and additions
PLAIN_CYCLES = 5.0  # the same where the data is plain and has to be rearranged first
NARROW_ARITHMETIC = 1.05  # time of multiply-adds whose weights are put together from two vectors, or converted


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
    """The workload itself first, then its other forms, those with whole weights first, then those with the least predicted time.

    max_rel_error: forms whose typical error, relative to the largest output, is above it are left out.
    """
    convolution = _dense_convolution(workload)
    if convolution is None:
        return (workload, *_small_product(workload, target, max_rel_error))
    limit = MAX_RATIO * predicted_cycles(workload, target)
    wide = [workload]
    if _has_winograd_forms(workload, convolution):
        forms = [_with_tile(workload, tile) for tile in _tiles(convolution, max_rel_error)]
        wide += _ranked(forms, target, limit)[:MAX_WINOGRAD]
    large = (form for form in wide if _stored_bytes(form) >= MIN_NARROW_BYTES and _is_accurate_narrow(form, max_rel_error))
    narrow = _ranked([_with_attributes(form, weight_bytes=NARROW_BYTES) for form in large], target, limit)
    return (*wide, *narrow[:MAX_NARROW])


def _small_product(workload: Workload, target: Target, max_rel_error: float) -> tuple[Workload, ...]:
    """The form of a matrix product whose time goes into reading its matrix with the fewest bytes that the error allows."""
    allowed = [number for number, error in ((FIXED_BYTES, ERROR_OF_FIXED), (NARROW_BYTES, ERROR_OF_NARROW[1])) if error <= max_rel_error]
    large = _product(workload) is not None and _stored_bytes(workload) >= MIN_NARROW_BYTES
    if not large or not allowed or "weight_bytes" in workload.ops[workload.anchor].attributes:
        return ()
    form = _with_attributes(workload, weight_bytes=allowed[0])
    return (form,) if predicted_cycles(form, target) < predicted_cycles(workload, target) else ()


def _ranked(forms: Sequence[Workload], target: Target, limit: float) -> list[Workload]:
    """The fastest first, those slower than `limit` left out; by predicted cycles."""
    cycles = {form: predicted_cycles(form, target) for form in forms}
    return sorted((form for form in forms if cycles[form] < limit), key=lambda form: cycles[form])


def _stored_bytes(workload: Workload) -> float:
    """Of the weights as the kernel reads them."""
    weight = workload.arguments[workload.ops[workload.anchor].inputs[1][1]].type
    return weight_growth(workload) * weight.size_bytes


def predicted_cycles(workload: Workload, target: Target) -> float:
    """Of the anchor of a form, as far as forms of one workload differ; 0 for what has one form.

    The weights come from beyond the caches of a core, and its cores share the way to them: with more cores, forms with few weights gain.
    """
    anchor = workload.ops[workload.anchor]
    weight_bytes = int(anchor.attributes.get("weight_bytes", 4))
    convolution = _convolution(workload)
    if convolution is None:
        sizes = _product(workload)
        return 0.0 if sizes is None else _product_cycles(*sizes, weight_bytes, target)
    lanes = target.vector_lanes
    pixels = convolution.batch * convolution.out_size[0] * convolution.out_size[1]
    taps = convolution.kernel[0] * convolution.kernel[1]
    weights = convolution.in_channels * convolution.out_channels
    if anchor.op == "conv2d":
        return _product_cycles(pixels, taps * weights, weight_bytes, target)
    slower = NARROW_ARITHMETIC if weight_bytes < FLOAT32.itemsize else 1.0
    my, mx = (int(size) for size in anchor.attributes["tile"])
    tiles = convolution.batch * -(-convolution.out_size[0] // my) * -(-convolution.out_size[1] // mx)
    products, phases = (my + convolution.taps[0] - 1) * (mx + convolution.taps[1] - 1), prod(convolution.strides)
    weights *= phases
    arithmetic = slower * tiles * products * weights / (2 * lanes)
    vectors = tiles * products * (phases * convolution.in_channels + convolution.out_channels) / lanes
    transforms = vectors * (PLAIN_CYCLES if channel_block(str(anchor.attributes["layout"])) == 0 else TRANSFORM_CYCLES)
    return (arithmetic + transforms) / target.cores + weight_bytes * products * weights / BYTES_PER_CYCLE


def _product_cycles(rows: int, weights: int, weight_bytes: int, target: Target) -> float:
    """Of `rows` times a matrix of `weights` numbers."""
    slower = NARROW_ARITHMETIC if weight_bytes < FLOAT32.itemsize else 1.0
    return slower * rows * weights / (2 * target.vector_lanes * target.cores) + weight_bytes * weights / BYTES_PER_CYCLE


def _product(workload: Workload) -> tuple[int, int] | None:
    """Rows and numbers of the matrix, if the anchor multiplies by a constant matrix of float32."""
    anchor = workload.ops[workload.anchor]
    if anchor.op != "matmul" or any(source != "arg" for source, _ in anchor.inputs):
        return None
    data, weight = (workload.arguments[index] for _, index in anchor.inputs)
    if not weight.constant or len(weight.type.shape) != 2 or weight.type.dtype != FLOAT32:
        return None
    inner = weight.type.shape[1 if anchor.attributes["transpose_b"] else 0]
    return data.type.element_count // inner, weight.type.element_count


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


def _dense_convolution(workload: Workload) -> _Convolution | None:
    """The extents of a direct convolution of one group, to a blocked layout, with constant weights that are kept as they are."""
    anchor = workload.ops[workload.anchor]
    if anchor.op != "conv2d" or anchor.attributes["groups"] != 1 or "weight_bytes" in anchor.attributes:
        return None
    found = _convolution(workload)
    return found if found is not None and workload.arguments[anchor.inputs[1][1]].constant else None


def _has_winograd_forms(workload: Workload, convolution: _Convolution) -> bool:
    anchor = workload.ops[workload.anchor]
    if max(convolution.strides) > 2 or set(anchor.attributes["dilations"]) != {1}:
        return False
    plain = channel_block(str(anchor.attributes["layout"])) == 0
    channels = workload.arguments[anchor.inputs[1][1]].type.shape[: 1 if plain else 2]
    return min(channels) >= MIN_CHANNELS and max(convolution.taps) > 1 and all(taps in WINOGRAD_TILES for taps in convolution.taps)


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


def _is_accurate_narrow(form: Workload, max_rel_error: float) -> bool:
    """Whether a form with whole weights has a narrow one, and whether its typical error is within the limit."""
    anchor, convolution = form.ops[form.anchor], _convolution(form)
    if form.arguments[anchor.inputs[1][1]].type.dtype != FLOAT32:
        return False
    if anchor.op == "conv2d" or convolution is None:
        return ERROR_OF_NARROW[1] <= max_rel_error
    shorter, longer = sorted(int(size) + taps - 1 for size, taps in zip(anchor.attributes["tile"], convolution.taps, strict=True))
    errors = [error for limit, error in ERROR_OF_NARROW.items() if longer <= limit]
    return shorter <= 4 and bool(errors) and errors[0] <= max_rel_error


def _with_tile(workload: Workload, tile: tuple[int, int]) -> Workload:
    return _with_attributes(workload, "winograd_conv2d", tile=tile)


def _with_attributes(workload: Workload, op: str | None = None, **attributes: object) -> Workload:
    """The anchor as another operator, or with further attributes."""
    anchor = workload.ops[workload.anchor]
    form = GroupOp(op or anchor.op, anchor.inputs, {**anchor.attributes, **attributes})
    ops = (*workload.ops[: workload.anchor], form, *workload.ops[workload.anchor + 1 :])
    return Workload(workload.arguments, ops, workload.anchor)
