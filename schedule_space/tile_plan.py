"""Decisions of the tiled template, read into the numbers that its constraint, its cost and its steps share."""

from dataclasses import dataclass
from math import prod

from compiler.te import Axis
from schedule_space.candidate import Decisions
from schedule_space.reduction_nest import Packing, ReductionNest


@dataclass(frozen=True, slots=True)
class TilePlan:
    """tile: elements of the register tile along each axis. vectors: of the tile along the vector axis. order: positions of the outer loops,
    outermost first. parallel: how many of them are fused and shared. chunk: iterations of the last fused loop that one thread runs in a
    row. unroll: reduction steps in the unrolled body. place: where the source is computed. packed: the packed arguments. prefetch: how many
    bytes ahead constants are asked for."""

    nest: ReductionNest
    tile: tuple[int, ...]
    vectors: int
    order: tuple[int, ...]
    parallel: int
    chunk: int
    unroll: int
    place: str
    packed: tuple[str, ...]
    prefetch: int

    @property
    def chunked(self) -> int | None:
        """The axis whose outer loop has a serial part: the last of the fused ones."""
        return self.order[self.parallel - 1] if self.order else None

    def packing(self, name: str) -> Packing:
        """Of a packed operand: vector by vector, but of numbers in fixed point all of a tile's in a row, so that one stream is read.

        A row of 25088 by 25088x4096: four vectors 7.5 instead of 7.8 ms, eight 7.5 instead of 9.1 (Zen 4, one thread, without prefetching).
        """
        blocks, order = self.nest.packable[name]
        if self.nest.structure.weight_scale is None or name not in self.nest.structure.stored_weights:
            return blocks, order
        return ((blocks[0][0], self.tile[-1]),), order

    def unrolling(self) -> list[tuple[Axis, int]]:
        """How many iterations of each reduction axis stand in the unrolled body, innermost axes first served."""
        budget = self.unroll
        result: list[tuple[Axis, int]] = []
        for axis in reversed(self.nest.reduction):
            factor = min(axis.extent, budget)
            budget = budget // factor if factor == axis.extent else 1
            result.insert(0, (axis, factor))
        return result

    @property
    def windows(self) -> bool:
        """Whether neighbouring elements of the tile share what they load."""
        return self.nest.windowed and bool(self.nest.sources)

    def window_loads(self) -> float:
        """Vectors of the source loaded per reduction step, each element once in an unrolled body."""
        extents = {axis.name: factor for axis, factor in self.unrolling()}
        extents |= {axis.name: self.tile[position] for position, axis in enumerate(self.nest.axes)}
        return sum(prod(sizes) for sizes in self.nest.region(extents).values()) / self.nest.lanes / self.unroll

    def regions(self) -> dict[str, list[int]]:
        """The shape of each source's region where it is computed inside the loops."""
        fused = self.order[: self.parallel]
        extents = {axis.name: -(-axis.extent // factor) * factor for axis, factor in self.unrolling()}
        for position, axis in enumerate(self.nest.axes):
            extent = self.tile[position]
            if self.place == "parallel" and position in self.nest.outer and position not in fused:
                extent = axis.extent
            if self.place == "parallel" and position == self.chunked:
                extent *= self.chunk
            extents[axis.name] = min(extent, axis.extent)
        return self.nest.region(extents)

    def scratch_bytes(self) -> int:
        """Bytes of the sources' regions; none where they are stored at the root or nowhere."""
        if self.place not in ("parallel", "inner"):
            return 0
        stages = self.nest.structure.stages
        return sum(prod(sizes) * stages[name].dtype.itemsize for name, sizes in self.regions().items())


@dataclass(frozen=True, slots=True)
class TileNumbers:
    """Of one register tile. accumulators, registers: vectors. loads: distinct operands per reduction step. waste: multiply-adds done over
    those needed. counts: tiles along each axis. copies: how many accumulators stand in the code, with those of the tails."""

    accumulators: int
    registers: int
    loads: int
    waste: float
    counts: tuple[int, ...]
    copies: int


def tile_numbers(nest: ReductionNest, tile: tuple[int, ...], vectors: int) -> TileNumbers:
    """A vector operand used by several accumulators stays in registers; a broadcast used once is part of its multiply-add on AVX-512."""
    accumulators = prod(tile[position] for position in nest.tiled) * vectors
    registers, loads, sharing = accumulators, 0, 0
    for operand in nest.operands:
        distinct = prod(tile[position] for position in operand.positions if position in nest.tiled) * (vectors if operand.is_vector else 1)
        loads += distinct
        if operand.is_vector:
            registers += distinct if distinct < accumulators else 1
        else:
            sharing = max(sharing, accumulators // distinct)
    if sharing > 1 or (sharing == 1 and nest.target.vector_bits < 512):
        registers += 1
    waste, copies = 1.0, vectors if not nest.splits_vector or nest.extents[-1] % tile[-1] == 0 else 2 * vectors
    for position in nest.tiled:
        extent, size = nest.extents[position], tile[position]
        full, rest = divmod(extent, size)
        waste *= (full * size + (rest + 0.15 * size if rest else 0)) / extent
        copies *= size + rest
    counts = tuple(-(-extent // size) for extent, size in zip(nest.extents, tile, strict=True))
    return TileNumbers(accumulators, registers, loads, waste, counts, copies)


def read_plan(nest: ReductionNest, decisions: Decisions) -> TilePlan:
    vectors = int(decisions.get("vectors", 1))
    tile = [int(decisions.get(f"tile_{label}", 1)) for label in nest.labels[:-1]]
    order = nest.outer
    if "order" in decisions:
        order = tuple(nest.labels.index(label) for label in str(decisions["order"]).split(","))
    return TilePlan(
        nest,
        (*tile, nest.lanes * vectors),
        vectors,
        order,
        int(decisions.get("parallel", min(1, len(order)))),
        int(decisions.get("chunk", 1)),
        int(decisions["unroll"]),
        str(decisions.get("place", "root")),
        tuple(name for name in nest.packable if decisions[f"pack_{name}"]),
        int(decisions.get("prefetch", 0)),
    )
