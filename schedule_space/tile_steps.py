"""The steps of the tiled template: from a plan to a schedule."""

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.schedule import (
    CacheRead,
    CacheWrite,
    ComputeAt,
    ComputeInline,
    Fuse,
    Parallel,
    Prefetch,
    Reorder,
    Specialize,
    Split,
    Step,
    Unroll,
    Vectorize,
)
from schedule_space.root_stage import packed_shape, schedule_narrow, schedule_packing, schedule_root_stage, vectorize_last
from schedule_space.structure import data_axes
from schedule_space.tile_plan import TilePlan


@dataclass(frozen=True, slots=True)
class OutputLoops:
    """The loops of the output: how they are split, which are fused and shared among threads, which follow, which make the tile."""

    splits: tuple[tuple[str, tuple[int, ...]], ...]
    fused: tuple[str, ...]
    serial: tuple[str, ...]
    tile: tuple[str, ...]
    fused_name: str

    @property
    def parallel(self) -> str:
        return self.fused_name if len(self.fused) > 1 else self.fused[0]

    @property
    def innermost(self) -> str:
        """The innermost loop around the tile."""
        return self.serial[-1] if self.serial else self.parallel

    def steps(self) -> Iterator[Step]:
        for name, factors in self.splits:
            yield Split(name, factors)
        yield Reorder((*self.fused, *self.serial, *self.tile))
        if len(self.fused) > 1:
            yield Fuse(self.fused, self.fused_name)
        for loop in self.tile[:-1]:
            yield Unroll(loop)
        yield Vectorize(self.tile[-1])


def tiled_steps(plan: TilePlan) -> Iterator[Step]:
    """The whole schedule of a workload."""
    nest, structure = plan.nest, plan.nest.structure
    target = nest.target
    yield from _inline_around(plan)
    accumulator = nest.anchor
    if nest.output == nest.anchor:
        accumulator = f"{nest.anchor}.acc"
        yield CacheWrite(nest.anchor, accumulator)
    for name in plan.packed:
        blocks, order = plan.packing(name)
        yield CacheRead(name, accumulator, f"{name}.packed", blocks, order)
    loops = _output_loops(plan)
    yield from loops.steps()
    yield ComputeAt(accumulator, loops.innermost, "register")
    yield from _tile_accumulator(plan, accumulator)
    if plan.place in ("parallel", "inner"):
        for name, sizes in plan.regions().items():
            yield ComputeAt(name, loops.parallel if plan.place == "parallel" else loops.innermost)
            yield from vectorize_last(data_axes(structure.stages[name])[-1].name, sizes[-1], target)
    if plan.place == "border":
        yield Specialize(loops.innermost)
    yield Parallel(loops.parallel)
    narrow = structure.narrow_weight
    for name in nest.streamed if plan.prefetch else ():
        if name != narrow:
            yield Prefetch(f"{name}.packed" if name in plan.packed else name, plan.prefetch)
    if narrow:
        yield from _narrow_weight(plan, narrow)
    if structure.weight_scale:
        yield from _fixed_weight(plan, structure.weight_scale)
    yield from _root_stages(plan)


def _narrow_weight(plan: TilePlan, name: str) -> Iterator[Step]:
    nest = plan.nest
    shape, ahead = nest.structure.stages[name].shape, plan.prefetch if name in nest.streamed else 0
    if name in plan.packed:
        yield from schedule_narrow(f"{name}.packed", packed_shape(shape, *plan.packing(name)), ahead, nest.target)
    else:
        yield from schedule_narrow(name, shape, ahead, nest.target)


def _fixed_weight(plan: TilePlan, scale: str) -> Iterator[Step]:
    """Threads and vectors for what makes the whole numbers out of a large matrix when the model is compiled."""
    stages, target = plan.nest.structure.stages, plan.nest.target
    whole = scale.removesuffix(".scale")
    yield Parallel(data_axes(stages[f"{whole}.largest"])[0].name)
    yield from schedule_root_stage(stages[whole], target)
    if whole in plan.packed:
        yield from schedule_packing(f"{whole}.packed", stages[whole].shape, *plan.packing(whole), target)


def _inline_around(plan: TilePlan) -> Iterator[Step]:
    """Stages before the anchor go into its source, those behind it into the output."""
    nest, structure = plan.nest, plan.nest.structure
    before, until_output = structure.upstream(nest.anchor), structure.upstream(nest.output)
    for name in structure.running:
        between = name in before and (name not in nest.sources or plan.place in ("inline", "border"))
        after = name in until_output and name not in before and name not in (nest.anchor, nest.output)
        if between or after:
            yield ComputeInline(name)


def _output_loops(plan: TilePlan) -> OutputLoops:
    nest = plan.nest
    names = [axis.name for axis in data_axes(nest.structure.stages[nest.output])]
    splits: list[tuple[str, tuple[int, ...]]] = []
    tile: list[str] = []
    outer_of: dict[int, str] = {}
    chunk_loops: list[str] = []
    for position, name in enumerate(names):
        if position == nest.vector_position and nest.splits_vector:
            inner: tuple[int, ...] = (plan.vectors, nest.lanes)
        elif position in nest.tiled:
            inner = (plan.tile[position],)
        else:
            continue
        chunk = (plan.chunk,) if position == plan.chunked and plan.chunk > 1 else ()
        splits.append((name, (*chunk, *inner)))
        outer_of[position] = f"{name}.0"
        chunk_loops += [f"{name}.1"] * len(chunk)
        tile += [f"{name}.{len(chunk) + 1 + part}" for part in range(len(inner))]
    if not nest.splits_vector:
        tile.append(names[nest.vector_position])
    rest = [outer_of.get(position, name) for position, name in enumerate(names) if position not in (*plan.order, nest.vector_position)]
    ordered = [outer_of[position] for position in plan.order]
    fused, serial = (*rest, *ordered[: plan.parallel]), (*chunk_loops, *ordered[plan.parallel :])
    return OutputLoops(tuple(splits), fused, serial, tuple(tile), f"{nest.output}.p")


def _tile_accumulator(plan: TilePlan, stage: str) -> Iterator[Step]:
    """Reduction outside, the tile inside it unrolled, the vector innermost."""
    nest = plan.nest
    serial: list[str] = []
    unrolled: list[str] = []
    for axis, factor in plan.unrolling():
        name = f"{stage}.{axis.name.removeprefix(f'{nest.anchor}.')}"
        if factor == axis.extent:
            unrolled.append(name)
        elif factor > 1:
            yield Split(name, (factor,))
            serial.append(f"{name}.0")
            unrolled.append(f"{name}.1")
        else:
            serial.append(name)
    positions = sorted(range(nest.vector_position), key=lambda position: position in nest.innermost_tiles)
    tile = [f"{stage}.{nest.labels[position]}" for position in positions]
    vector = f"{stage}.{nest.labels[-1]}"
    if nest.splits_vector:
        yield Split(vector, (nest.lanes,))
        tile.append(f"{vector}.0")
        vector = f"{vector}.1"
    yield Reorder((*serial, *unrolled, *tile, vector))
    for name in (*unrolled, *tile):
        yield Unroll(name)
    yield Vectorize(vector)


def _root_stages(plan: TilePlan) -> Iterator[Step]:
    """Vectorise and share out what still stands at the root: padded copies, packed copies, stages behind the output."""
    nest, structure = plan.nest, plan.nest.structure
    for name in nest.sources if plan.place == "root" else ():
        yield from schedule_root_stage(structure.stages[name], nest.target)
    for name in plan.packed:
        if name not in structure.constant:
            shape = structure.workload.arguments[structure.workload.argument_names.index(name)].type.shape
            yield from schedule_packing(f"{name}.packed", shape, *plan.packing(name), nest.target)
    done = structure.upstream(nest.output) | {nest.output}
    for name in structure.running:
        if name not in done:
            yield from schedule_root_stage(structure.stages[name], nest.target)
