"""The space of Winograd convolutions (`compiler/ops/winograd.py`).

The loop structure, for P tiles of the output in chunks:

    for chunk of tiles:                                           parallel
        input[u, v, ic, p] = B^T d B                              place = chunk: kept in the L2 cache; root: for all chunks beforehand
        for block of output channels:                             may also be the parallel loop, or the outer one
            for u, v:                                             (my + r - 1) * (mx + s - 1) matrix products
                for register tile of p and vectors of oc:         order
                    product[u, v, oc, p] = sum over ic
            for p, oc: output = epilogue(A^T product A)           columns: A^T product, in registers or on the stack

Next: `winograd_steps.py`, which turns a plan into a schedule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from compiler.schedule import Schedule
from compiler.target import Target
from schedule_space.candidate import Decisions, Parameter
from schedule_space.describe_winograd import describe_winograd
from schedule_space.quantities import Columns, Quantities
from schedule_space.structure import Structure
from schedule_space.tile_choices import DEFAULT_PREFETCH, MAX_UNROLLED_VECTORS, PREFETCHES
from schedule_space.winograd_plan import WinogradNest, WinogradPlan, read_plan
from schedule_space.winograd_steps import winograd_steps

MAX_SCRATCH_BYTES = 3 * 1024 * 1024
MAX_CHUNKS = 64
MAX_ROWS = 8
MAX_UNROLL = 16
MAX_DEFAULT_CHUNK, MAX_DEFAULT_CHUNKS, MAX_DEFAULT_TILE, MAX_DEFAULT_BLOCK = 64, 12, 28, 8
MAX_DEFAULT_VECTORS = 2  # 256->256 14x14 with cold weights took 0.43 ms with two, 0.52 with four (Zen 5)
IN_ORDER_REGISTERS = 4  # for operands loaded ahead: 12 x 2 accumulators spill nothing on a Cortex-A53, 13 x 2 nine times
TILES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 16, 18, 20, 21, 24, 25, 28)


@dataclass(frozen=True)
class Winograd:
    """The template of `winograd_conv2d`; `threads` will run the kernel."""

    structure: Structure
    target: Target
    threads: int

    @cached_property
    def nest(self) -> WinogradNest:
        return WinogradNest(self.structure, self.target)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        nest = self.nest
        blocks = tuple(count for count in range(1, nest.out_blocks + 1) if nest.out_blocks % count == 0)
        return (
            Parameter("chunk", self._chunks()),
            Parameter("tile", tuple(size for size in TILES if size <= nest.tiles)),
            Parameter("vectors", tuple(count for count in (1, 2, 3, 4) if nest.out_blocks % count == 0)),
            Parameter("block", blocks),
            Parameter("unroll", tuple(count for count in range(1, MAX_UNROLL + 1) if nest.unrollable % count == 0)),
            Parameter("order", ("oc,p", "p,oc")),
            Parameter("place", ("chunk", "root")),
            Parameter("outer", ("p", "oc")),
            Parameter("columns", ("register", "local")),
            Parameter("skew", (0, 1)),
            Parameter("prefetch", PREFETCHES),
        )

    def _chunks(self) -> tuple[int, ...]:
        """Tiles per chunk: the smallest number for each number of chunks, and what divides all tiles."""
        tiles = self.nest.tiles
        if self.nest.plain:  # whole rows of tiles
            return tuple(self.nest.tile_columns * rows for rows in range(1, tiles // self.nest.tile_columns + 1) if rows <= MAX_ROWS)
        sizes = {-(-tiles // count) for count in range(1, min(tiles, MAX_CHUNKS) + 1)}
        return tuple(sorted(sizes | {size for size in range(4, MAX_DEFAULT_CHUNK + 1) if tiles % size == 0}))

    def is_valid(self, decisions: Decisions) -> bool:
        plan = read_plan(self.nest, decisions)
        shared = plan.vectors > 1 or self.target.vector_bits < 512  # else the broadcast is part of its multiply-add
        registers = plan.tile * plan.vectors + plan.vectors + shared
        if registers > self.target.vector_registers or plan.tile > plan.chunk or plan.block % plan.vectors:
            return False
        if plan.copies * plan.unroll > MAX_UNROLLED_VECTORS:
            return False
        if plan.place == "chunk" and plan.outer == "oc":
            return False
        return plan.scratch_bytes <= MAX_SCRATCH_BYTES

    def schedule(self, decisions: Decisions) -> Schedule:
        return Schedule(tuple(winograd_steps(read_plan(self.nest, decisions))))

    def default(self) -> Decisions:
        """The cheapest by `_cost`."""
        first: Decisions = {parameter.name: parameter.choices[0] for parameter in self.parameters}
        valid = (decisions for decisions in self._promising() if self.is_valid(decisions))
        return min(valid, key=lambda decisions: self._cost(read_plan(self.nest, decisions)), default=first)

    def _promising(self) -> Iterator[Decisions]:
        """Few points: one register tile for each chunk and number of vectors, as large as registers allow and even over the chunk."""
        registers = "register" if self.nest.columns_vectors + 6 <= self.target.vector_registers else "local"
        choices = {parameter.name: [int(choice) for choice in parameter.choices] for parameter in self.parameters[:5]}
        chunks = [chunk for chunk in choices["chunk"] if chunk <= MAX_DEFAULT_CHUNK] or choices["chunk"][:1]
        for chunk, vectors in product(
            chunks[-MAX_DEFAULT_CHUNKS:], [count for count in choices["vectors"] if count <= MAX_DEFAULT_VECTORS]
        ):
            shared = vectors > 1 or self.target.vector_bits < 512
            ahead = IN_ORDER_REGISTERS if self.target.in_order else 0
            largest = (self.target.vector_registers - shared - ahead) // vectors - 1
            pieces = -(-chunk // max(1, min(largest, MAX_DEFAULT_TILE)))
            tile = min((size for size in choices["tile"] if size * pieces >= chunk), default=choices["tile"][-1])
            blocks = [block for block in choices["block"] if block % vectors == 0 and block <= max(vectors, MAX_DEFAULT_BLOCK)]
            for block in blocks[-2:]:
                for (place, outer), unroll in product((("chunk", "p"), ("root", "oc"), ("root", "p")), choices["unroll"][-2:]):
                    yield {
                        "chunk": chunk, "tile": tile, "vectors": vectors, "block": block, "unroll": unroll, "order": "oc,p",
                        "place": place, "outer": outer, "columns": registers, "skew": 1, "prefetch": DEFAULT_PREFETCH,
                    }  # fmt: skip

    def _cost(self, plan: WinogradPlan) -> float:
        """Cycles of one core, roughly: the matrix products, the way of weights and data to them, the transforms."""
        nest, target = plan.nest, self.target
        accumulators = plan.tile * plan.vectors
        steps = nest.tiles * nest.products * nest.in_channels * nest.out_blocks * plan.waste / 2
        loads = plan.vectors + plan.tile
        matrix = steps * (max(accumulators, 8.0, loads) + 0.15 * loads) / accumulators * (1 + 1 / plan.unroll / plan.tile)
        matrix += steps / nest.in_channels * 4.0 / plan.tile  # accumulators are set to zero and stored
        weights = nest.weight_bytes * nest.products * nest.in_channels * nest.out_blocks * target.vector_lanes
        passes = plan.chunks * (plan.chunk / plan.tile if plan.order == "p,oc" else 1)
        near = 24.0 if 2 * weights <= target.l2_bytes else 10.0
        streamed = weights * passes / near
        data = nest.tiles * nest.products * nest.in_channels * 4 * plan.blocks
        spilled = data / 24.0 if plan.input_bytes + plan.product_bytes > 0.75 * target.l2_bytes else data / 96.0
        transformed = nest.in_channels / (nest.row_lanes if nest.plain else nest.lanes) + nest.out_blocks
        transforms = nest.tiles * nest.products * transformed * 3.0
        iterations = plan.parallel_iterations
        balance = -(-iterations // self.threads) * self.threads / iterations
        work = (max(matrix, streamed) + 0.3 * min(matrix, streamed) + spilled + transforms) * balance
        return work * (1.03 if plan.place == "root" else 1.0)

    def describe_batch(self, columns: Columns) -> Quantities:
        return describe_winograd(self.nest, self.threads, columns)
