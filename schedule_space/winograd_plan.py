"""What the Winograd template decides, and the sizes that follow. Used by `winograd.py` and `winograd_steps.py`."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from compiler.target import Target
from compiler.te import NARROW_BYTES, Tensor
from schedule_space.candidate import Decisions
from schedule_space.structure import Structure

ELEMENT_BYTES = 4


@dataclass(frozen=True)
class WinogradNest:
    """The stages and extents of one `winograd_conv2d`."""

    structure: Structure
    target: Target

    @property
    def anchor(self) -> str:
        return self.structure.workload.op_names[self.structure.workload.anchor]

    @cached_property
    def output(self) -> str:
        """The stage that is written."""
        return self.structure.pointwise_output(self.anchor)

    def stage(self, part: str) -> Tensor:
        return self.structure.stages[f"{self.anchor}.{part}"]

    @cached_property
    def tile_shape(self) -> tuple[int, int]:
        """Output rows and columns of one tile."""
        my, mx = self.structure.workload.ops[self.structure.workload.anchor].attributes["tile"]
        return int(my), int(mx)

    @property
    def out_size(self) -> tuple[int, int]:
        """Height and width of the output."""
        _, _, height, width, _ = self.structure.stages[self.anchor].shape
        return height, width

    @cached_property
    def products(self) -> int:
        """Elements of a transformed tile."""
        return prod(self.stage("input").shape[:2])

    @property
    def tiles(self) -> int:
        return self.stage("input").shape[3]

    @property
    def in_blocks(self) -> int:
        return self.stage("input").shape[2]

    @property
    def in_lanes(self) -> int:
        """Input channels of a block that are not padding."""
        return self.stage("weight").shape[4]

    @property
    def unrollable(self) -> int:
        """Steps of the innermost loop over input channels."""
        return self.in_blocks if self.plain else self.in_lanes

    @property
    def weight_bytes(self) -> int:
        """Of one transformed weight."""
        return NARROW_BYTES if self.structure.narrow_weight else ELEMENT_BYTES

    @property
    def in_channels(self) -> int:
        return self.in_blocks * self.in_lanes

    @property
    def plain(self) -> bool:
        """Whether the data has no blocks of channels: the vectors of its transform are then tiles side by side."""
        return self.stage("input").shape[4] == 1 and self.lanes > 1

    @property
    def source(self) -> str:
        """What the input transform reads: the data with its border, or as it is."""
        padded = f"{self.anchor}.pad"
        return padded if padded in self.structure.stages else self.structure.workload.argument_names[self._data_argument]

    @property
    def source_shape(self) -> tuple[int, ...]:
        name = self.source
        stages, workload = self.structure.stages, self.structure.workload
        return stages[name].shape if name in stages else workload.arguments[workload.argument_names.index(name)].type.shape

    @property
    def _data_argument(self) -> int:
        return self.structure.workload.ops[self.structure.workload.anchor].inputs[0][1]

    @cached_property
    def steps(self) -> tuple[int, int]:
        """Input rows and columns from one tile to the next."""
        sy, sx = self.structure.workload.ops[self.structure.workload.anchor].attributes["strides"]
        return self.tile_shape[0] * int(sy), self.tile_shape[1] * int(sx)

    @property
    def tile_columns(self) -> int:
        """Tiles side by side."""
        return -(-self.out_size[1] // self.tile_shape[1])

    @cached_property
    def row_lanes(self) -> int:
        """Tiles of one row that make a vector of the input transform, where the data is plain."""
        return max(count for count in range(1, self.lanes + 1) if self.tile_columns % count == 0)

    @property
    def out_blocks(self) -> int:
        return self.stage("product").shape[2]

    @property
    def lanes(self) -> int:
        return self.stage("product").shape[4]

    @cached_property
    def columns_vectors(self) -> int:
        """Vectors of the half-done output transform of one tile."""
        return prod(self.stage("columns").shape[2:4])


@dataclass(frozen=True)
class WinogradPlan:
    """chunk: tiles per chunk; tile x vectors: the register tile; block: blocks of output channels per pass over the chunk."""

    nest: WinogradNest
    chunk: int
    tile: int
    vectors: int
    block: int
    unroll: int
    order: str
    place: str
    outer: str
    columns: str
    skew: int
    prefetch: int

    @property
    def chunks(self) -> int:
        return -(-self.nest.tiles // self.chunk)

    @property
    def blocks(self) -> int:
        return self.nest.out_blocks // self.block

    @property
    def parallel_iterations(self) -> int:
        return self.chunks * (self.blocks if self.place == "root" else 1)

    @property
    def input_bytes(self) -> int:
        """The transformed input of one chunk."""
        elements = (self.chunk + self.skew) * (1 if self.nest.plain else self.nest.lanes)
        return ELEMENT_BYTES * self.nest.products * self.nest.in_blocks * elements

    @property
    def product_bytes(self) -> int:
        """The products of one chunk and block."""
        return ELEMENT_BYTES * self.nest.products * self.block * (self.chunk + self.skew) * self.nest.lanes

    @property
    def scratch_bytes(self) -> int:
        """On the stack of a thread."""
        return self.product_bytes + (self.input_bytes if self.place == "chunk" else 0)

    @property
    def waste(self) -> float:
        """Multiply-adds with the idle part of partial chunks and register tiles over those needed."""
        done = 0.0
        sizes = [self.chunk] * (self.nest.tiles // self.chunk)
        if self.nest.tiles % self.chunk:
            sizes.append(self.nest.tiles % self.chunk)
        for size in sizes:
            full, rest = divmod(size, self.tile)
            done += full * self.tile + (max(rest, min(self.tile, -(-8 // self.vectors))) if rest else 0)
        return done / self.nest.tiles

    @property
    def copies(self) -> int:
        """Accumulators over all versions of the product's body."""
        sizes = {self.chunk, self.nest.tiles % self.chunk} - {0}
        bodies = {self.tile, *(size % self.tile for size in sizes)} - {0}
        return sum(bodies) * self.vectors * (2 if self.nest.tiles % self.chunk else 1)


def read_plan(nest: WinogradNest, decisions: Decisions) -> WinogradPlan:
    chunk, tile, vectors, block, unroll, skew, prefetch = (
        int(decisions[name]) for name in ("chunk", "tile", "vectors", "block", "unroll", "skew", "prefetch")
    )
    order, place, outer, columns = (str(decisions[name]) for name in ("order", "place", "outer", "columns"))
    return WinogradPlan(nest, chunk, tile, vectors, block, unroll, order, place, outer, columns, skew, prefetch)
