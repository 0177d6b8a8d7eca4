"""The steps of the Winograd template: from a plan to a schedule.

Consumers come first, since a stage is moved into its consumer's loops before its own are split.
"""

from collections.abc import Callable, Generator, Iterator

from compiler.schedule import (
    CacheRead,
    CacheWrite,
    ComputeAt,
    ComputeInline,
    Fuse,
    PadStorage,
    Parallel,
    Prefetch,
    Reorder,
    Specialize,
    Split,
    Step,
    Unroll,
    Vectorize,
)
from schedule_space.root_stage import packed_shape, schedule_narrow, schedule_packing, schedule_root_stage
from schedule_space.structure import data_axes
from schedule_space.winograd_plan import WinogradPlan


def winograd_steps(plan: WinogradPlan) -> Iterator[Step]:
    """The whole schedule of a workload."""
    nest = plan.nest
    anchor, structure = nest.anchor, nest.structure
    if nest.plain:
        yield CacheRead(nest.source, f"{anchor}.half", f"{anchor}.data", *_columns(plan))
    yield from _inline(plan)
    weight = f"{anchor}.weight"
    yield CacheRead(weight, f"{anchor}.product", f"{weight}.packed", *_packing(plan))
    chunk, block = yield from _output_loops(plan)
    tile_loop = f"{nest.output}.p.1"
    yield ComputeAt(f"{anchor}.columns", tile_loop, plan.columns)
    oc, p, v, y, oci = (f"{anchor}.columns.{axis}" for axis in ("oc", "p", "v", "y", "oci"))
    yield from _output_steps(plan)((oc, p), (v, y), oci)
    yield ComputeAt(f"{anchor}.product", block)
    yield from _product(plan)
    if plan.place == "chunk":
        yield ComputeAt(f"{anchor}.input", chunk)
    yield from _input(plan)
    yield Parallel(chunk if plan.place == "chunk" else f"{nest.output}.f")
    yield from _weights(plan)
    if nest.plain:
        yield from schedule_packing(f"{anchor}.data", nest.source_shape, *_columns(plan), nest.target)
    if structure.narrow_weight:
        yield from schedule_narrow(
            f"{weight}.packed", packed_shape(nest.stage("weight").shape, *_packing(plan)), plan.prefetch, nest.target
        )
    elif plan.prefetch:
        yield Prefetch(f"{weight}.packed", plan.prefetch)
    done = structure.upstream(nest.output) | {nest.output}
    for name in structure.running:
        if name not in done:
            yield from schedule_root_stage(structure.stages[name], nest.target)


def _inline(plan: WinogradPlan) -> Iterator[Step]:
    """Stages before the convolution go into its input transform, those behind it into the output."""
    nest, structure = plan.nest, plan.nest.structure
    own = {f"{nest.anchor}.{part}" for part in ("half", "input", "weight_half", "weight", "product", "columns")}
    until_output = structure.upstream(nest.output)
    for name in structure.running:
        if name in until_output and name not in own and name != nest.output:
            yield ComputeInline(name)


def _output_loops(plan: WinogradPlan) -> Generator[Step, None, tuple[str, str]]:
    """Loops over chunks, blocks of channels, tiles of the chunk, channels of the block, then the pixels of the tile."""
    nest = plan.nest
    name = nest.output
    n, oc, y, x, oci = (axis.name for axis in data_axes(nest.structure.stages[name]))
    yield Split(oc, (plan.block,))
    yield Split(y, (nest.tile_shape[0],))
    yield Split(x, (nest.tile_shape[1],))
    yield Reorder((n, f"{y}.0", f"{x}.0", f"{oc}.0", f"{oc}.1", f"{y}.1", f"{x}.1", oci))
    yield Fuse((n, f"{y}.0", f"{x}.0"), f"{name}.p")
    yield Split(f"{name}.p", (plan.chunk,))
    chunk, block = f"{name}.p.0", f"{oc}.0"
    outer = (chunk, block) if plan.outer == "p" else (block, chunk)
    yield from _output_steps(plan)((*outer, f"{oc}.1", f"{name}.p.1"), (f"{y}.1", f"{x}.1"), oci)
    if plan.place == "root":
        yield Fuse(outer, f"{name}.f")
        block = f"{name}.f"
    return chunk, block


def _of_vectors(outer: tuple[str, ...], unrolled: tuple[str, ...], vector: str) -> Iterator[Step]:
    yield Reorder((*outer, *unrolled, vector))
    for loop in unrolled:
        yield Unroll(loop)
    yield Vectorize(vector)


def _of_lanes(outer: tuple[str, ...], unrolled: tuple[str, ...], vector: str) -> Iterator[Step]:
    """One lane after the other: without vectors all of them together would not find enough registers, and take as many times the code."""
    yield Reorder((*outer, vector, *unrolled))
    for loop in unrolled:
        yield Unroll(loop)


def _input_transform(plan: WinogradPlan, stage: str, outer: tuple[str, ...], unrolled: str) -> Iterator[Step]:
    steps = _of_vectors if plan.nest.target.has_vectors else _of_lanes
    yield from steps(tuple(f"{stage}.{axis}" for axis in outer), (f"{stage}.{unrolled}",), f"{stage}.ici")


def _output_steps(plan: WinogradPlan) -> Callable[[tuple[str, ...], tuple[str, ...], str], Iterator[Step]]:
    """What is kept in registers has no lane that a loop could ask for."""
    return _of_vectors if plan.nest.target.has_vectors or plan.columns == "register" else _of_lanes


def _product(plan: WinogradPlan) -> Iterator[Step]:
    nest = plan.nest
    stage = f"{nest.anchor}.product"
    accumulator = f"{stage}.acc"
    yield PadStorage(stage, 3, plan.skew)
    yield CacheWrite(stage, accumulator)
    oc, p = f"{stage}.oc", f"{stage}.p"
    yield Split(oc, (plan.vectors,))
    yield Split(p, (plan.tile,))
    outer = (f"{oc}.0", f"{p}.0") if plan.order == "oc,p" else (f"{p}.0", f"{oc}.0")
    yield Reorder((f"{stage}.u", f"{stage}.v", *outer, f"{p}.1", f"{oc}.1", f"{stage}.oci"))
    yield Unroll(f"{p}.1")
    yield Unroll(f"{oc}.1")
    yield Vectorize(f"{stage}.oci")
    yield ComputeAt(accumulator, outer[1], "register")
    serial, unrolled = [f"{accumulator}.ic"], [f"{accumulator}.ici"]
    if nest.plain:
        serial, unrolled = unrolled, serial
    if plan.unroll < nest.unrollable:
        yield Split(unrolled[0], (plan.unroll,))
        serial.append(f"{unrolled[0]}.0")
        unrolled = [f"{unrolled[0]}.1"]
    unrolled += [f"{accumulator}.{axis}" for axis in ("p", "oc")]
    yield Reorder((f"{accumulator}.u", f"{accumulator}.v", *serial, *unrolled, f"{accumulator}.oci"))
    for loop in unrolled:
        yield Unroll(loop)
    yield Vectorize(f"{accumulator}.oci")


def _input(plan: WinogradPlan) -> Iterator[Step]:
    """Tile by tile; tiles clear of the border have a version without guards."""
    nest = plan.nest
    stage, half = f"{nest.anchor}.input", f"{nest.anchor}.half"
    if plan.place == "chunk":
        yield PadStorage(stage, 3, plan.skew)
    if nest.plain:
        yield from _plain_input(plan)
        return
    yield from _input_transform(plan, stage, ("ic", "p", "u"), "v")
    tiles = f"{stage}.p"
    if plan.place == "root":
        tiles = f"{stage}.f"
        yield Fuse((f"{stage}.ic", f"{stage}.p"), tiles)
    yield ComputeAt(half, tiles)
    yield from _input_transform(plan, half, ("p", "ic", "x"), "u")
    yield Specialize(tiles)
    if plan.place == "root":
        yield Parallel(tiles)


def _plain_input(plan: WinogradPlan) -> Iterator[Step]:
    """A vector is a row of tiles; what one of them reads from each row of the data lies side by side in a copy of the data."""
    nest = plan.nest
    stage, half, lanes = f"{nest.anchor}.input", f"{nest.anchor}.half", nest.row_lanes
    tiles = f"{stage}.p"
    yield Split(tiles, (nest.tile_columns // lanes, lanes))
    rows, groups, vector = (f"{tiles}.{part}" for part in range(3))
    yield Reorder((f"{stage}.ic", rows, groups, f"{stage}.u", f"{stage}.v", f"{stage}.ici", vector))
    yield Unroll(f"{stage}.v")
    yield Vectorize(vector)
    yield ComputeAt(half, groups)
    yield Reorder(tuple(f"{half}.{axis}" for axis in ("ic", "x", "u", "ici", "p")))
    yield Unroll(f"{half}.u")
    yield Vectorize(f"{half}.p")
    if plan.place == "root":
        yield Parallel(f"{stage}.ic")


def _weights(plan: WinogradPlan) -> Iterator[Step]:
    nest = plan.nest
    for part, unrolled in (("weight_half", "u"), ("weight", "v")):
        stage = f"{nest.anchor}.{part}"
        yield Reorder(tuple(f"{stage}.{axis}" for axis in ("oc", "ic", "ici", *(("u", "s") if unrolled == "u" else ("u", "v")), "oci")))
        yield Unroll(f"{stage}.{unrolled}")
        yield Vectorize(f"{stage}.oci")
        yield Parallel(f"{stage}.oc")
    weight = nest.stage("weight")
    yield from schedule_packing(f"{weight.name}.packed", weight.shape, *_packing(plan), nest.target)


def _columns(plan: WinogradPlan) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Blocks and order of the copy of plain data: pixels that are as far apart as tiles lie side by side."""
    return ((3, plan.nest.steps[1]),), (0, 1, 2, 4, 3)


def _packing(plan: WinogradPlan) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Blocks and order of the packed weights: as the loops walk them, the vectors of a register tile side by side."""
    return ((0, plan.block // plan.vectors), (0, plan.vectors)), (0, 1, 2, 6, 3, 4, 7, 5)
