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
from math import prod

from compiler.schedule import Schedule
from compiler.target import Target
from schedule_space.candidate import Decisions, Parameter
from schedule_space.structure import Structure
from schedule_space.tile_choices import DEFAULT_PREFETCH, MAX_UNROLLED_VECTORS, PREFETCHES
from schedule_space.winograd_plan import WinogradNest, WinogradPlan, read_plan
from schedule_space.winograd_steps import winograd_steps

MAX_SCRATCH_BYTES = 3 * 1024 * 1024
MAX_CHUNKS = 64
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
            Parameter("unroll", tuple(count for count in (1, 2, 4, 8, 16) if count <= nest.in_lanes)),
            Parameter("order", ("oc,p", "p,oc")),
            Parameter("place", ("chunk", "root")),
            Parameter("outer", ("p", "oc")),
            Parameter("columns", ("register", "local")),
            Parameter("skew", (0, 1)),
            Parameter("prefetch", PREFETCHES),
        )

    def _chunks(self) -> tuple[int, ...]:
        """Tiles per chunk: the smallest number for each number of chunks."""
        sizes = {-(-self.nest.tiles // count) for count in range(1, min(self.nest.tiles, MAX_CHUNKS) + 1)}
        return tuple(sorted(sizes))

    def is_valid(self, decisions: Decisions) -> bool:
        plan = read_plan(self.nest, decisions)
        registers = plan.tile * plan.vectors + plan.vectors + (self.target.vector_bits < 512)
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
        registers = "register" if self.nest.columns_vectors + 6 <= self.target.vector_registers else "local"
        choices = {parameter.name: parameter.choices for parameter in self.parameters}
        unroll = max(choices["unroll"])
        for chunk, tile, vectors, block in product(choices["chunk"], choices["tile"], choices["vectors"], choices["block"]):
            for place, outer in (("chunk", "p"), ("root", "oc"), ("root", "p")):
                yield {
                    "chunk": chunk, "tile": tile, "vectors": vectors, "block": block, "unroll": unroll, "order": "oc,p",
                    "place": place, "outer": outer, "columns": registers, "skew": 1, "prefetch": DEFAULT_PREFETCH,
                }  # fmt: skip

    def _cost(self, plan: WinogradPlan) -> float:
        """Relative cycles."""
        nest, target = plan.nest, self.target
        vectors = plan.tile * plan.vectors
        steps = nest.in_channels
        matrix = nest.tiles * nest.out_blocks * nest.products * steps * plan.waste
        per_vector = (max(vectors, 8.0) + 0.3 * (plan.vectors + plan.tile * (target.vector_bits < 512)) + 12.0 / plan.unroll) / vectors
        matrix *= per_vector + 20.0 / steps / max(vectors, 1)
        weights = 4 * nest.products * nest.in_channels * nest.out_blocks * target.vector_lanes
        data = 4 * nest.products * nest.in_channels * plan.chunk
        block_weights = 4 * nest.in_channels * plan.vectors * target.vector_lanes
        traffic = weights * plan.chunks * (0.02 if weights <= target.l2_bytes // 2 else 0.05)
        if block_weights > target.l1_bytes // 2:
            traffic += weights * plan.chunks * (plan.chunk / plan.tile) * 0.02
        if data + plan.product_bytes > target.l2_bytes * 0.75:
            traffic += nest.products * (nest.tiles * nest.in_channels * (1 + plan.blocks * 0.5) * 4) * 0.05
        transforms = nest.tiles * nest.products * (nest.in_channels / target.vector_lanes + nest.out_blocks) * 2.0
        balance = 1.0
        if self.threads > 1:
            iterations = plan.parallel_iterations
            balance = -(-iterations // self.threads) * self.threads / iterations
        return (matrix + traffic + transforms) * balance * (1.02 if plan.place == "root" else 1.0)

    def describe(self, decisions: Decisions) -> dict[str, float]:
        plan = read_plan(self.nest, decisions)
        return {
            "accumulators": float(plan.tile * plan.vectors),
            "registers": float(plan.tile * plan.vectors + plan.vectors),
            "cost": self._cost(plan),
            "parallel_iterations": float(plan.parallel_iterations),
            "imbalance": float(-(-plan.parallel_iterations // self.threads) * self.threads / plan.parallel_iterations),
            "scratch_bytes": float(plan.scratch_bytes),
            "loads": float(plan.tile + plan.vectors),
            "waste": plan.waste,
            "chunk_bytes": float(plan.input_bytes),
            "block_bytes": float(prod((4, plan.nest.in_channels, plan.block, self.target.vector_lanes))),
        }
