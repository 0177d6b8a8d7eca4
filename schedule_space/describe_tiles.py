"""The quantities of the tiled template for a whole batch: `TilePlan` and `TileNumbers` over arrays, and the traffic of the loop nest.

In: a nest and one array of choices per parameter. Out: `Quantities`. Used by `tiled_reduction.py`.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from schedule_space.cache_traffic import LoopLevel, bytes_into_caches, footprints
from schedule_space.quantities import Columns, Quantities, Vector
from schedule_space.reduction_nest import ReductionNest

PLACES = {"root": "at_root", "parallel": "at_iteration", "inner": "at_tile", "inline": "inlined", "border": "bordered"}


@dataclass(frozen=True)
class TileBatch:
    """Arrays have one entry per candidate."""

    nest: ReductionNest
    threads: int
    columns: Columns

    @cached_property
    def count(self) -> int:
        return len(next(iter(self.columns.values())))

    def number(self, name: str, default: int) -> Vector:
        return self.columns[name].astype(np.float64) if name in self.columns else np.full(self.count, float(default))

    @cached_property
    def vectors(self) -> Vector:
        return self.number("vectors", 1)

    @cached_property
    def tile(self) -> list[Vector]:
        """Elements of the register tile along each axis."""
        return [*(self.number(f"tile_{label}", 1) for label in self.nest.labels[:-1]), self.nest.lanes * self.vectors]

    @cached_property
    def counts(self) -> list[Vector]:
        """Tiles along each axis."""
        return [np.ceil(extent / size) for extent, size in zip(self.nest.extents, self.tile, strict=True)]

    @cached_property
    def depth(self) -> dict[int, Vector]:
        """Position in the order of the outer loops, 0 the outermost, of each axis that has one."""
        outer = self.nest.outer
        found = {position: np.full(self.count, float(place)) for place, position in enumerate(outer)}
        if "order" in self.columns:
            words = self.columns["order"]
            for word in np.unique(words):
                chosen = words == word
                for place, label in enumerate(str(word).split(",")):
                    found[self.nest.labels.index(label)][chosen] = place
        return found

    @cached_property
    def parallel(self) -> Vector:
        return self.number("parallel", min(1, len(self.nest.outer)))

    @cached_property
    def chunk(self) -> Vector:
        return self.number("chunk", 1)

    @cached_property
    def unrolled(self) -> dict[str, Vector]:
        """Iterations of each reduction axis that stand in the unrolled body, innermost axes first served."""
        budget = self.number("unroll", 1)
        factors: dict[str, Vector] = {}
        for axis in reversed(self.nest.reduction):
            factor = np.minimum(axis.extent, budget)
            budget = np.where(factor == axis.extent, budget // factor, 1.0)
            factors[axis.name] = factor
        return factors

    def is_placed(self, *places: str) -> Vector:
        """1 where the source is computed at one of the places."""
        if "place" not in self.columns:
            return np.full(self.count, float("root" in places))
        return np.isin(self.columns["place"], places).astype(np.float64)

    @cached_property
    def accumulators(self) -> Vector:
        return prod((self.tile[position] for position in self.nest.tiled), start=self.vectors)

    @cached_property
    def operands(self) -> tuple[Vector, Vector, Vector]:
        """Loads of a reduction step, those that are vectors, and registers of the body; as in `tile_numbers`."""
        registers, loads, vector_loads = self.accumulators.copy(), np.zeros(self.count), np.zeros(self.count)
        sharing = np.zeros(self.count)
        for operand in self.nest.operands:
            distinct = prod(
                (self.tile[position] for position in operand.positions if position in self.nest.tiled), start=np.ones(self.count)
            )
            if operand.is_vector:
                distinct = distinct * self.vectors
                registers += np.where(distinct < self.accumulators, distinct, 1.0)
                vector_loads += distinct
            else:
                sharing = np.maximum(sharing, self.accumulators // distinct)
            loads += distinct
        registers += (sharing > 1) | ((sharing == 1) & (self.nest.target.vector_bits < 512))
        return loads, vector_loads, registers

    @cached_property
    def tails(self) -> tuple[Vector, Vector, Vector]:
        """Waste of partial tiles, copies of the accumulators in the code, and the least share of a partial tile."""
        whole = (self.nest.extents[-1] % self.tile[-1] == 0) | (not self.nest.splits_vector)
        waste, remainder = np.ones(self.count), np.ones(self.count)
        copies = np.where(whole, self.vectors, 2 * self.vectors)
        for position in self.nest.tiled:
            extent, size = self.nest.extents[position], self.tile[position]
            full, rest = np.divmod(float(extent), size)
            waste = waste * (full * size + np.where(rest > 0, rest + 0.15 * size, 0.0)) / extent
            copies = copies * (size + rest)
            remainder = np.minimum(remainder, np.where(rest > 0, rest / size, 1.0))
        return waste, copies, remainder

    @cached_property
    def iterations(self) -> tuple[Vector, Vector]:
        """Of the shared loop; and the largest share of a thread over the mean share."""
        nest, ones = self.nest, np.ones(self.count)
        rest = (extent for position, extent in enumerate(nest.extents[:-1]) if position not in nest.outer and position not in nest.tiled)
        iterations, chunked, pieces = float(prod(rest)) * ones, ones, ones
        for position, depth in self.depth.items():
            tiles, is_chunked = self.counts[position], depth == self.parallel - 1
            in_pieces = np.ceil(tiles / self.chunk)
            iterations = iterations * np.where(is_chunked, in_pieces, np.where(depth < self.parallel, tiles, 1.0))
            chunked, pieces = np.where(is_chunked, tiles, chunked), np.where(is_chunked, in_pieces, pieces)
        if not nest.outer:
            return iterations, float(self.threads) * ones
        work = iterations / pieces * chunked
        return iterations, np.ceil(iterations / self.threads) * self.chunk * self.threads / work

    @cached_property
    def levels(self) -> list[LoopLevel]:
        """The register tile, then one more outer loop at a time, the chunk with the innermost shared loop, then everything."""
        names = [axis.name for axis in self.nest.axes]
        extents = [float(extent) for extent in self.nest.extents]
        inner = {axis.name: np.full(self.count, float(axis.extent)) for axis in self.nest.reduction}
        clipped = {name: np.minimum(extent, size) for name, extent, size in zip(names, extents, self.tile, strict=True)}
        result = [self._level(inner | clipped)]
        for outside in range(len(self.nest.outer), -1, -1):
            reached = dict(result[0].extents)
            for position, depth in self.depth.items():
                piece = np.where((depth == outside - 1) & (self.parallel == outside), self.tile[position] * self.chunk, self.tile[position])
                reached[names[position]] = np.where(depth >= outside, extents[position], np.minimum(piece, extents[position]))
            result.append(self._level(reached))
        whole = {name: np.full(self.count, extent) for name, extent in zip(names, extents, strict=True)}
        return [*result, self._level({**inner, **whole})]

    def _level(self, extents: dict[str, Vector]) -> LoopLevel:
        trips = np.ones(self.count)
        for axis, size in zip(self.nest.axes, self.tile, strict=True):
            trips = trips * np.ceil(np.ceil(axis.extent / size) / np.ceil(extents[axis.name] / size))
        return LoopLevel(extents, trips)

    @cached_property
    def source(self) -> tuple[Vector, Vector]:
        """Bytes of the computed operands that are written over the whole kernel; bytes of scratch at a time."""
        written, scratch = np.zeros(self.count), np.zeros(self.count)
        stages = self.nest.structure.stages
        at_tile, at_iteration, at_root = self.is_placed("inner"), self.is_placed("parallel"), self.is_placed("root")
        shared = self._level(self.iteration_extents)
        for access in self.nest.accesses:
            if access.buffer in self.nest.sources:
                of_tile, of_iteration = access.bytes_touched(self._tile_extents), access.bytes_touched(self._rounded_iteration)
                scratch = scratch + at_tile * of_tile + at_iteration * of_iteration
                written = written + at_tile * of_tile * self.levels[0].trips + at_iteration * of_iteration * shared.trips
                written = written + at_root * float(stages[access.buffer].type.size_bytes)
        return written, scratch

    @cached_property
    def _tile_extents(self) -> dict[str, Vector]:
        """With the reduction rounded up to whole bodies, as the scratch is laid out."""
        rounded = {axis.name: np.ceil(axis.extent / self.unrolled[axis.name]) * self.unrolled[axis.name] for axis in self.nest.reduction}
        clipped = {axis.name: np.minimum(axis.extent, size) for axis, size in zip(self.nest.axes, self.tile, strict=True)}
        return rounded | clipped

    @cached_property
    def iteration_extents(self) -> dict[str, Vector]:
        """What one iteration of the shared loop covers."""
        extents = dict(self.levels[0].extents)
        for position, depth in self.depth.items():
            axis = self.nest.axes[position]
            piece = np.where(depth == self.parallel - 1, self.tile[position] * self.chunk, self.tile[position])
            extents[axis.name] = np.minimum(axis.extent, np.where(depth >= self.parallel, float(axis.extent), piece))
        return extents

    @cached_property
    def _rounded_iteration(self) -> dict[str, Vector]:
        return self.iteration_extents | {axis.name: self._tile_extents[axis.name] for axis in self.nest.reduction}

    def window_loads(self) -> Vector:
        """Vectors of the source loaded per reduction step, each element once in an unrolled body; 0 without windows."""
        if not (self.nest.windowed and self.nest.sources):
            return np.zeros(self.count)
        extents = {**self.unrolled, **{axis.name: size for axis, size in zip(self.nest.axes, self.tile, strict=True)}}
        elements = sum(
            access.bytes_touched(extents) / access.element_bytes for access in self.nest.accesses if access.buffer in self.nest.sources
        )
        return np.asarray(elements / self.nest.lanes / self.number("unroll", 1), np.float64)


def describe_tiles(nest: ReductionNest, threads: int, columns: Columns) -> Quantities:
    """All quantities that the tiled template knows."""
    batch = TileBatch(nest, threads, columns)
    target, unroll = nest.target, batch.number("unroll", 1)
    loads, vector_loads, registers = batch.operands
    waste, copies, remainder = batch.tails
    iterations, imbalance = batch.iterations
    written, scratch = batch.source
    steps = prod(axis.extent for axis in nest.reduction)
    tiles = prod(batch.counts, start=np.ones(batch.count))
    row_vectors = -(-nest.extents[-1] // nest.lanes)
    touched = footprints(nest.accesses, batch.levels)
    l1, l2, l3 = bytes_into_caches(touched, batch.levels, (target.l1_bytes, target.l2_bytes, target.l3_bytes), batch.count)
    vector_axis = next((position for position in nest.outer if nest.labels[position] == "oc"), nest.vector_position)
    flags = {quantity: batch.is_placed(place) for place, quantity in PLACES.items()} if nest.sources else {}
    packs = [columns[f"pack_{name}"].astype(np.float64) for name in nest.packable]
    return {
        "accumulators": batch.accumulators,
        "registers": registers,
        "loads": np.where(batch.window_loads() > 0, batch.window_loads(), loads),
        "vector_loads": vector_loads,
        "waste": waste,
        "lane_waste": np.full(batch.count, row_vectors * nest.lanes / nest.extents[-1]),
        "remainder": remainder,
        "unroll": unroll,
        "reduction": np.full(batch.count, float(steps)),
        "code_vectors": copies * unroll * (1.0 + flags.get("bordered", np.zeros(batch.count))),
        "vector_steps": waste * float(prod(nest.extents[:-1]) * row_vectors * steps),
        "tiles": tiles,
        "parallel_iterations": iterations,
        "imbalance": imbalance,
        "serial_tiles": tiles / iterations,
        "tile_bytes": np.asarray(sum(touched[0]), np.float64),
        "iteration_bytes": np.asarray(sum(access.bytes_touched(batch.iteration_extents) for access in nest.accesses), np.float64),
        "l1_bytes": l1,
        "l2_bytes": l2,
        "l3_bytes": l3,
        "source_bytes": written,
        "scratch_bytes": scratch,
        "vector_axis_depth": len(nest.outer) - 1 - batch.depth[vector_axis] if vector_axis in batch.depth else np.zeros(batch.count),
        **flags,
        "packed": np.mean(packs, axis=0) if packs else np.ones(batch.count),
        "prefetch_bytes": batch.number("prefetch", 0),
    }
