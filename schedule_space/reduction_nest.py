"""What the tiled template needs to know of a reduction's loop nest: its axes, its operands, the stages around it."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from compiler.loop_ir import linear
from compiler.target import Target
from compiler.te import NARROW_BYTES, Axis, Binary, Expr, Load, Tensor, Var, producers, walk
from schedule_space.cache_traffic import Access
from schedule_space.structure import Structure, data_axes, loads_of, reduce_axes

MAX_TILED_AXES = 3

Packing = tuple[tuple[tuple[int, int], ...], tuple[int, ...]]
"""(blocks, order) of a `CacheRead`."""


@dataclass(frozen=True, slots=True)
class Operand:
    """One load of the reduction. is_vector: it varies along the vector axis. positions: the other output axes that it depends on."""

    is_vector: bool
    positions: tuple[int, ...]


@dataclass(frozen=True)
class ReductionNest:
    """`anchor` is the only running stage with reduction axes. Axes are spoken of by their position; the last one is the vector axis."""

    structure: Structure
    anchor: str
    target: Target

    @cached_property
    def stage(self) -> Tensor:
        return self.structure.stages[self.anchor]

    @cached_property
    def output(self) -> str:
        return self.structure.pointwise_output(self.anchor)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        return data_axes(self.stage)

    @cached_property
    def extents(self) -> tuple[int, ...]:
        return tuple(axis.extent for axis in self.axes)

    @cached_property
    def reduction(self) -> tuple[Axis, ...]:
        return reduce_axes(self.stage)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The short name of each axis, as the anchor's operator calls it."""
        return tuple(axis.name.removeprefix(f"{self.anchor}.") for axis in self.axes)

    @property
    def vector_position(self) -> int:
        return len(self.axes) - 1

    @cached_property
    def lanes(self) -> int:
        """Lanes of one vector: the machine's, or the whole axis where that is shorter."""
        return min(self.target.vector_lanes, self.axes[-1].extent)

    @cached_property
    def splits_vector(self) -> bool:
        """Whether the vector axis is longer than a vector."""
        return self.axes[-1].extent > self.lanes

    @cached_property
    def tiled(self) -> tuple[int, ...]:
        """Positions of the axes that can have a register tile, the vector axis left out."""
        wide = [position for position in range(len(self.axes) - 1) if self.axes[position].extent > 1]
        return tuple(wide[-MAX_TILED_AXES:])

    @cached_property
    def outer(self) -> tuple[int, ...]:
        """Positions with an outer loop whose order is a decision."""
        return (*self.tiled, *((self.vector_position,) if self.splits_vector else ()))[-MAX_TILED_AXES:]

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Computed stages that the anchor reads and that run at inference."""
        computed = (tensor.name for tensor in producers(self.stage) if tensor.name in self.structure.stages)
        return tuple(name for name in computed if name not in self.structure.constant)

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        found: list[Operand] = []
        for load in loads_of(self.stage):
            names = _variables(load)
            positions = tuple(position for position, axis in enumerate(self.axes[:-1]) if axis.name in names)
            found.append(Operand(self.axes[-1].name in names, positions))
        return tuple(found)

    @cached_property
    def streamed(self) -> tuple[str, ...]:
        """Constants that the anchor reads vector by vector at each step and that are too large for the first cache."""
        found = dict.fromkeys(load.buffer for load in loads_of(self.stage) if self.axes[-1].name in _variables(load))
        large = (buffer for buffer in found if prod(buffer.shape) * buffer.dtype.itemsize > self.target.l1_bytes)
        rare = self.structure.weight_scale
        return tuple(buffer.name for buffer in large if buffer.name in self.structure.constant and buffer.name != rare)

    @cached_property
    def streamed_bytes(self) -> int:
        sizes = {load.buffer.name: prod(load.buffer.shape) * load.buffer.dtype.itemsize for load in loads_of(self.stage)}
        return sum(sizes[name] for name in self.streamed)

    @cached_property
    def windowed(self) -> bool:
        """Whether no operand is broadcast (pools, depthwise convolutions): neighbouring windows then share their elements in registers."""
        return all(operand.is_vector for operand in self.operands)

    @cached_property
    def innermost_tiles(self) -> frozenset[int]:
        """Tile axes that stand innermost: those of a vector operand, so that each broadcast element is used up at once."""
        others = len(self.axes) - 1
        found = {
            position for operand in self.operands if operand.is_vector and len(operand.positions) < others for position in operand.positions
        }
        return frozenset(found) if len(found) < others else frozenset()

    @cached_property
    def packable(self) -> dict[str, Packing]:
        """What can be packed so that the vectors of one block of the vector axis follow each other: arguments, and stored weights."""
        found: dict[str, Packing] = {}
        vector, reduction = Var(self.axes[-1].name), {axis.name for axis in self.reduction}
        for load in loads_of(self.stage):
            name, rank = load.buffer.name, len(load.indices)
            computed = name in self.structure.stages and name not in self.structure.stored_weights
            if computed or name in found or not self.splits_vector:
                continue
            own = [axis for axis, index in enumerate(load.indices) if index == vector]
            steps = map(_reduced, load.indices) if name == self.structure.weight_scale else load.indices
            inner = [axis for axis, index in enumerate(steps) if isinstance(index, Var) and index.name in reduction]
            uses = sum(vector in walk(index) for index in load.indices)
            if len(own) == len(inner) == uses == 1:
                front = (axis for axis in range(rank) if axis not in (own[0], inner[0]))
                found[name] = (((own[0], self.lanes),), (*front, own[0], inner[0], rank))
        return found

    def reads(self, name: str) -> int:
        """How often one call reads each element of an argument."""
        names = set[str]().union(*(_variables(load) for load in loads_of(self.stage) if load.buffer.name == name))
        return prod(axis.extent for axis in self.axes if axis.name not in names)

    @cached_property
    def accesses(self) -> tuple[Access, ...]:
        """What the anchor loads, each buffer once, and the output that it stores."""
        loads = {load.buffer.name: load for load in loads_of(self.stage)}
        found = [
            Access(name, self._element_bytes(load), tuple(zip(load.buffer.shape, map(_strides, load.indices), strict=True)))
            for name, load in loads.items()
        ]
        stored = tuple((axis.extent, ((axis.name, 1),)) for axis in self.axes)
        return (*found, Access(self.output, self.stage.dtype.itemsize, stored))

    def _element_bytes(self, load: Load) -> int:
        return NARROW_BYTES if load.buffer.name == self.structure.narrow_weight else load.buffer.dtype.itemsize

    @cached_property
    def reaches(self) -> tuple[tuple[str, tuple[tuple[int, tuple[tuple[str, int], ...] | None], ...]], ...]:
        """For each load of a source: its name; per axis the extent and (variable, stride) pairs, None for an index that is not linear."""
        found = []
        for load in loads_of(self.stage):
            if load.buffer.name in self.sources:
                strides = tuple(_strides(index) for index in load.indices)
                found.append((load.buffer.name, tuple(zip(load.buffer.shape, strides, strict=True))))
        return tuple(found)

    def region(self, extents: dict[str, int]) -> dict[str, list[int]]:
        """The shape of each source's part that is read while the variables run over `extents`."""
        regions: dict[str, list[int]] = {}
        for name, axes in self.reaches:
            sizes = [
                limit if strides is None else min(limit, 1 + sum(k * (extents.get(variable, 1) - 1) for variable, k in strides))
                for limit, strides in axes
            ]
            regions[name] = [max(a, b) for a, b in zip(sizes, regions.get(name, sizes), strict=True)]
        return regions


def _variables(load: Load) -> set[str]:
    return {node.name for index in load.indices for node in walk(index) if isinstance(node, Var)}


def _reduced(index: Expr) -> Expr:
    """The index of a block's number, where it is that of its block."""
    return index.a if isinstance(index, Binary) and index.op == "floordiv" else index


def _strides(index: Expr) -> tuple[tuple[str, int], ...] | None:
    terms = linear(index).terms
    if not all(isinstance(atom, Var) for atom, _ in terms):
        return None
    return tuple((atom.name, abs(k)) for atom, k in terms if isinstance(atom, Var))
