"""The space of one reduction with a register tile: convolutions, matrix products, pools.

The loop structure, for an output with axes x, y and a vector axis v (the last one):

    for p = fused leading outer loops:                       parallel
        for chunk of the last fused loop, remaining outer loops:
            accumulators[tile x, tile y, vectors of v] = 0    in registers
            for reduction (its innermost part unrolled):
                for tile x, tile y, vectors of v: accumulators += operands
            output tile = epilogue(accumulators)

The stage that feeds the reduction (a padded copy, a prologue) is computed at the root, per parallel iteration, per tile, or inlined;
operands whose vector axis is not contiguous can be packed first, which costs nothing for constants.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from math import prod

from compiler.loop_ir import linear
from compiler.schedule import (
    CacheRead,
    CacheWrite,
    ComputeAt,
    ComputeInline,
    Fuse,
    Parallel,
    Reorder,
    Schedule,
    Split,
    Step,
    Unroll,
    Vectorize,
)
from compiler.target import Target
from compiler.te import Axis, Const, Load, Tensor, Var, producers, walk
from schedule_space.candidate import Choice, Decisions, Parameter
from schedule_space.root_stage import schedule_packing, schedule_root_stage, vectorize_last
from schedule_space.structure import Structure, data_axes, loads_of, reduce_axes
from schedule_space.tile_choices import MAX_UNROLLED_VECTORS, chunk_choices, tile_choices, unroll_choices

MAX_SCRATCH_BYTES = 384 * 1024
MAX_TILED_AXES = 3
MAX_WINDOW_TILE = 8  # vectors: 3x3 depthwise 56x56 took 73 us with 8, 78 with 14, 107 with 28 (Zen 5)


@dataclass(frozen=True, slots=True)
class LoopPlan:
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


@dataclass(frozen=True, slots=True)
class TileNumbers:
    """Of one register tile. accumulators, registers: vectors. loads: distinct operands per reduction step. waste: multiply-adds done over
    those needed. counts: tiles along each axis."""

    accumulators: int
    registers: int
    loads: int
    waste: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class TiledReduction:
    """`anchor` is the only running stage with reduction axes."""

    structure: Structure
    anchor: str
    target: Target
    threads: int

    @cached_property
    def stage(self) -> Tensor:
        return self.structure.stages[self.anchor]

    @cached_property
    def output(self) -> str:
        """The stage whose tile is written: the last of the elementwise stages that follow the anchor point by point."""
        name = self.anchor
        while name not in self.structure.output_names:
            readers = self.structure.readers[name]
            if len(readers) != 1:
                break
            reader = self.structure.stages[readers[0]]
            aligned = reader.shape == self.stage.shape and all(
                _is_point(load, data_axes(reader)) for load in loads_of(reader) if load.buffer.name == name
            )
            if not aligned:
                break
            name = readers[0]
        return name

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        return data_axes(self.stage)

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
    def tiled(self) -> tuple[int, ...]:
        """Positions of the axes that can have a register tile."""
        wide = [position for position in range(len(self.axes) - 1) if self.axes[position].extent > 1]
        return tuple(wide[-MAX_TILED_AXES:])

    @cached_property
    def splits_vector(self) -> bool:
        return self.axes[-1].extent > self.lanes

    @cached_property
    def outer(self) -> tuple[int, ...]:
        """Positions with an outer loop whose order is a decision."""
        return (*self.tiled, *((self.vector_position,) if self.splits_vector else ()))[-MAX_TILED_AXES:]

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Computed stages that the anchor reads and that run at inference."""
        return tuple(
            tensor.name
            for tensor in producers(self.stage)
            if tensor.name in self.structure.stages and tensor.name not in self.structure.constant
        )

    @cached_property
    def packable(self) -> dict[str, tuple[tuple[tuple[int, int], ...], tuple[int, ...]]]:
        """Arguments that can be packed so that vectors are contiguous: (blocks, order) of the packing."""
        found: dict[str, tuple[tuple[tuple[int, int], ...], tuple[int, ...]]] = {}
        vector, reduction = self.axes[-1].name, {axis.name for axis in reduce_axes(self.stage)}
        for load in loads_of(self.stage):
            name = load.buffer.name
            if name in self.structure.stages or name in found or not self.splits_vector:
                continue
            own = [axis for axis, index in enumerate(load.indices) if index == Var(vector)]
            rank = len(load.indices)
            inner = [axis for axis, index in enumerate(load.indices) if isinstance(index, Var) and index.name in reduction]
            if len(own) == 1 and len(inner) == 1 and not _mentions_elsewhere(load, own[0], vector):
                front = tuple(axis for axis in range(rank) if axis not in (own[0], inner[0]))
                found[name] = (((own[0], self.lanes),), (*front, own[0], inner[0], rank))
        return found

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        result = [Parameter(f"tile_{self.labels[position]}", tile_choices(self.axes[position].extent)) for position in self.tiled]
        if self.splits_vector:
            result.append(Parameter("vectors", tuple(n for n in (1, 2, 3, 4, 6, 8) if n <= -(-self.axes[-1].extent // self.lanes))))
        if len(self.outer) > 1:
            orders = (",".join(self.labels[position] for position in order) for order in permutations(self.outer))
            result.append(Parameter("order", tuple(orders)))
        if self.outer:
            result.append(Parameter("parallel", tuple(range(1, len(self.outer) + 1))))
            result.append(Parameter("chunk", chunk_choices(max(self.axes[position].extent for position in self.outer))))
        result.append(Parameter("unroll", unroll_choices([axis.extent for axis in reduce_axes(self.stage)])))
        if self.sources:
            result.append(Parameter("place", self._places()))
        result.extend(Parameter(f"pack_{name}", (True, False)) for name in self.packable)
        return tuple(result)

    def _places(self) -> tuple[Choice, ...]:
        reads = prod(axis.extent for axis in reduce_axes(self.stage))
        return ("root", "parallel", "inner", "inline") if reads <= 64 else ("root", "parallel", "inner")

    def tile(self, decisions: Decisions, position: int) -> int:
        """Elements of the register tile along an axis."""
        if position == self.vector_position:
            return self.lanes * int(decisions.get("vectors", 1))
        return int(decisions.get(f"tile_{self.labels[position]}", 1))

    def _order(self, decisions: Decisions) -> list[int]:
        if "order" not in decisions:
            return list(self.outer)
        return [self.labels.index(label) for label in str(decisions["order"]).split(",")]

    def _chunked(self, decisions: Decisions) -> int | None:
        """The axis whose outer loop has a serial part: the last of the fused ones."""
        return self._order(decisions)[int(decisions["parallel"]) - 1] if self.outer else None

    @cached_property
    def operands(self) -> tuple[tuple[bool, tuple[int, ...]], ...]:
        """For each load of the anchor: whether it is a vector, and the positions of the tiled axes that it depends on."""
        found: list[tuple[bool, tuple[int, ...]]] = []
        for load in loads_of(self.stage):
            names = {node.name for index in load.indices for node in walk(index) if isinstance(node, Var)}
            positions = tuple(position for position in self.tiled if self.axes[position].name in names)
            found.append((self.axes[-1].name in names, positions))
        return tuple(found)

    @cached_property
    def _tiles(self) -> dict[tuple[int, ...], "TileNumbers"]:
        return {}

    def numbers(self, decisions: Decisions) -> "TileNumbers":
        """What depends on the register tile alone; kept, since a search asks for few tiles and many candidates."""
        tile = tuple(self.tile(decisions, position) for position in range(len(self.axes)))
        if tile not in self._tiles:
            self._tiles[tile] = self._tile_numbers(tile, int(decisions.get("vectors", 1)))
        return self._tiles[tile]

    def _tile_numbers(self, tile: tuple[int, ...], vectors: int) -> "TileNumbers":
        accumulators = prod(tile[position] for position in self.tiled) * vectors
        needed, loads, broadcasts, shared = accumulators, 0, False, 1
        for is_vector, positions in self.operands:
            distinct = prod(tile[position] for position in positions) * (vectors if is_vector else 1)
            loads += distinct
            if is_vector:
                needed += distinct if distinct < accumulators else 1
            else:
                broadcasts, shared = True, max(shared, accumulators // distinct)
        waste = 1.0
        for position in self.tiled:
            full, rest = divmod(self.axes[position].extent, tile[position])
            waste *= (full * tile[position] + (rest + 0.15 * tile[position] if rest else 0)) / self.axes[position].extent
        counts = tuple(-(-axis.extent // size) for axis, size in zip(self.axes, tile, strict=True))
        folded = self.target.vector_bits >= 512 and shared == 1
        registers = needed + (1 if broadcasts and not folded else 0)
        return TileNumbers(accumulators, registers, loads, waste, counts)

    def is_valid(self, decisions: Decisions) -> bool:
        numbers = self.numbers(decisions)
        if numbers.accumulators > 1 and numbers.registers > self.target.vector_registers:
            return False
        if numbers.accumulators * int(decisions["unroll"]) > MAX_UNROLLED_VECTORS:
            return False
        chunked = self._chunked(decisions)
        chunk = int(decisions.get("chunk", 1))
        if chunked is not None and chunk > 1 and chunk > numbers.counts[chunked]:
            return False
        return str(decisions.get("place", "root")) in ("root", "inline") or self._scratch_bytes(decisions) <= MAX_SCRATCH_BYTES

    def _regions(self, decisions: Decisions) -> dict[str, list[int]]:
        """The shape of each source's region where it is computed inside the loops."""
        order = self._order(decisions)
        chunked = self._chunked(decisions)
        fused = set(order[: int(decisions.get("parallel", 0))])
        unrolling = self._unrolling(int(decisions["unroll"]))
        extents: dict[str, int] = {axis.name: -(-axis.extent // factor) * factor for axis, factor in unrolling}
        for position, axis in enumerate(self.axes):
            extent = self.tile(decisions, position)
            if decisions["place"] == "parallel" and position in self.outer and position not in fused:
                extent = axis.extent
            if decisions["place"] == "parallel" and position == chunked:
                extent *= int(decisions["chunk"])
            extents[axis.name] = min(extent, axis.extent)
        regions: dict[str, list[int]] = {}
        for load in loads_of(self.stage):
            name = load.buffer.name
            if name in self.sources:
                sizes = [_reach(load, axis, extents, extent) for axis, extent in enumerate(load.buffer.shape)]
                regions[name] = [max(a, b) for a, b in zip(sizes, regions.get(name, sizes), strict=True)]
        return regions

    def _scratch_bytes(self, decisions: Decisions) -> int:
        """Bytes of the sources' regions."""
        regions = self._regions(decisions)
        return sum(prod(sizes) * self.structure.stages[name].dtype.itemsize for name, sizes in regions.items())

    def default(self) -> Decisions:
        """The cheapest by `_cost` over tiles, unrolling and loop orders."""
        valid = [decisions for decisions in self._promising() if self.is_valid(decisions)]
        best = min(valid, key=self._cost) if valid else {p.name: p.choices[0] for p in self.parameters}
        return {p.name: best[p.name] for p in self.parameters}

    def _promising(self) -> Iterator[Decisions]:
        """Candidates with every tile, the rest fixed."""
        fixed: dict[str, Choice] = {f"pack_{name}": True for name in self.packable}
        fixed["unroll"] = self._default_unroll()
        if len(self.outer) > 1:
            fixed["order"] = ",".join(self.labels[position] for position in self._default_order())
        varied = [p for p in self.parameters if p.name.startswith("tile_") or p.name == "vectors"]
        for choices in product(*(p.choices for p in varied)):
            decisions = {**fixed, **{p.name: choice for p, choice in zip(varied, choices, strict=True)}}
            if self.windowed and self.numbers(decisions).accumulators > MAX_WINDOW_TILE:
                continue
            yield from ({**decisions, **loops} for loops in self._default_loops(decisions))

    def _default_loops(self, decisions: Decisions) -> Iterator[Decisions]:
        """How the outer loops are shared, and where the source is computed: in rows by each thread, or at the root if that is too much."""
        if not self.outer:
            yield {"place": "root"} if self.sources else {}
            return
        depth = max(1, len(self.outer) - 1)
        if self.sources:
            rows = self.numbers(decisions).counts[self._order(decisions)[depth - 1]]
            chunk = max((n for n in chunk_choices(rows) if n <= 8 and rows // n >= self.threads), default=1)
            yield {"parallel": depth, "chunk": chunk, "place": "parallel"}
        yield {"parallel": depth, "chunk": 1, "place": "root"} if self.sources else {"parallel": depth, "chunk": 1}

    @property
    def windowed(self) -> bool:
        """Whether no operand is broadcast (pools, depthwise convolutions): neighbouring windows then share their elements in registers."""
        return all(is_vector for is_vector, _ in self.operands)

    def _default_unroll(self) -> int:
        """Whole inner reduction axes up to 16 steps.

        A longer body keeps too many operands alive: a 64->64 56x56 3x3 convolution took 4 times as long with 32 (Zen 5); of windows the
        innermost axis is enough.
        """
        steps = 1
        for axis in reversed(reduce_axes(self.stage)):
            if steps * axis.extent > 16 or (steps > 1 and self.windowed):
                break
            steps *= axis.extent
        return steps if steps > 1 else min(8, reduce_axes(self.stage)[-1].extent)

    def _default_order(self) -> list[int]:
        """Output channels or columns outermost, so that a block of weights stays in cache while the data passes by."""
        columns = [position for position in self.outer if position == self.vector_position or self.labels[position] == "oc"]
        return [*columns, *(position for position in self.outer if position not in columns)]

    def _parallel_iterations(self, decisions: Decisions, numbers: "TileNumbers") -> int:
        order = self._order(decisions)[: int(decisions.get("parallel", 0))]
        free = (axis.extent for position, axis in enumerate(self.axes[:-1]) if position not in self.outer and position not in self.tiled)
        return prod(numbers.counts[position] for position in order) * prod(free) // int(decisions.get("chunk", 1))

    def _cost(self, decisions: Decisions) -> float:
        """Relative cycles: multiply-adds with the waste of partial tiles, slowed by short dependency chains and by loads."""
        numbers = self.numbers(decisions)
        per_step = max(numbers.accumulators, 8.0) + 0.25 * numbers.loads
        overhead = 12.0 / (int(decisions["unroll"]) * numbers.accumulators) + 8.0 / prod(axis.extent for axis in reduce_axes(self.stage))
        balance = 1.0
        if self.threads > 1 and self.outer:
            iterations = max(1, self._parallel_iterations(decisions, numbers))
            balance = -(-iterations // self.threads) * self.threads / iterations
        repeated = 1.05 if decisions.get("place") == "root" else 1.0
        return numbers.waste * balance * repeated * (per_step / numbers.accumulators + overhead)

    def describe(self, decisions: Decisions) -> dict[str, float]:
        numbers = self.numbers(decisions)
        return {
            "accumulators": numbers.accumulators,
            "registers": numbers.registers,
            "cost": self._cost(decisions),
            "parallel_iterations": self._parallel_iterations(decisions, numbers),
            "scratch_bytes": self._scratch_bytes(decisions) if decisions.get("place") in ("parallel", "inner") else 0,
            "loads": numbers.loads,
        }

    def schedule(self, decisions: Decisions) -> Schedule:
        return Schedule(tuple(self._steps(decisions)))

    def _steps(self, decisions: Decisions) -> Iterator[Step]:
        structure, output = self.structure, self.output
        upstream = structure.upstream(self.anchor)
        for name in structure.running:
            between = name in upstream and name not in self.sources
            after = name not in upstream and name not in (self.anchor, output) and name in structure.upstream(output)
            if between or after:
                yield ComputeInline(name)
        place = str(decisions.get("place", "root"))
        if place == "inline":
            for name in self.sources:
                yield ComputeInline(name)
        accumulator = self.anchor
        if output == self.anchor:
            accumulator = f"{self.anchor}.acc"
            yield CacheWrite(self.anchor, accumulator)
        packed = [name for name in self.packable if decisions[f"pack_{name}"]]
        for name in packed:
            blocks, order = self.packable[name]
            yield CacheRead(name, accumulator, f"{name}.packed", blocks, order)
        plan = self._loop_plan(decisions)
        yield from plan.steps()
        yield ComputeAt(accumulator, plan.innermost, "register")
        yield from self._tile_accumulator(accumulator, decisions)
        if place in ("parallel", "inner"):
            for name, sizes in self._regions(decisions).items():
                yield ComputeAt(name, plan.parallel if place == "parallel" else plan.innermost)
                yield from vectorize_last(data_axes(structure.stages[name])[-1].name, sizes[-1], self.target)
        yield Parallel(plan.parallel)
        yield from self._root_stages(place, packed)

    def _loop_plan(self, decisions: Decisions) -> "LoopPlan":
        """Split, order and name the loops of the output stage."""
        names = [axis.name for axis in data_axes(self.structure.stages[self.output])]
        chunked = self._chunked(decisions)
        splits: list[tuple[str, tuple[int, ...]]] = []
        tile: list[str] = []
        outer_of: dict[int, str] = {}
        chunk_loops: list[str] = []
        for position, name in enumerate(names):
            if position == self.vector_position and self.splits_vector:
                inner: tuple[int, ...] = (int(decisions["vectors"]), self.lanes)
            elif position in self.tiled:
                inner = (self.tile(decisions, position),)
            else:
                continue
            chunk = (int(decisions["chunk"]),) if position == chunked and int(decisions["chunk"]) > 1 else ()
            splits.append((name, (*chunk, *inner)))
            outer_of[position] = f"{name}.0"
            chunk_loops += [f"{name}.1"] * len(chunk)
            tile += [f"{name}.{len(chunk) + 1 + part}" for part in range(len(inner))]
        if not self.splits_vector:
            tile.append(names[self.vector_position])
        order = self._order(decisions)
        rest = [outer_of.get(position, name) for position, name in enumerate(names) if position not in (*order, self.vector_position)]
        ordered = [outer_of[position] for position in order]
        depth = int(decisions.get("parallel", 0))
        return LoopPlan(tuple(splits), (*rest, *ordered[:depth]), (*chunk_loops, *ordered[depth:]), tuple(tile), f"{self.output}.p")

    def _unrolling(self, budget: int) -> list[tuple[Axis, int]]:
        """How many iterations of each reduction axis stand in the unrolled body, innermost axes first served."""
        result: list[tuple[Axis, int]] = []
        for axis in reversed(reduce_axes(self.stage)):
            factor = min(axis.extent, budget)
            budget = budget // factor if factor == axis.extent else 1
            result.insert(0, (axis, factor))
        return result

    def _tile_accumulator(self, stage: str, decisions: Decisions) -> Iterator[Step]:
        names = [f"{stage}.{label}" for label in self.labels]
        serial: list[str] = []
        unrolled: list[str] = []
        for axis, factor in self._unrolling(int(decisions["unroll"])):
            name = f"{stage}.{axis.name.removeprefix(f'{self.anchor}.')}"
            if factor == axis.extent:
                unrolled.append(name)
            elif factor > 1:
                yield Split(name, (factor,))
                serial.append(f"{name}.0")
                unrolled.append(f"{name}.1")
            else:
                serial.append(name)
        tile = [names[position] for position in range(len(names) - 1)]
        tile = [*(name for name in tile if name not in self._reused(stage)), *(name for name in tile if name in self._reused(stage))]
        vector = names[-1]
        if self.splits_vector:
            yield Split(vector, (self.lanes,))
            tile.append(f"{vector}.0")
            vector = f"{vector}.1"
        yield Reorder((*serial, *unrolled, *tile, vector))
        for name in (*unrolled, *tile):
            yield Unroll(name)
        yield Vectorize(vector)

    def _reused(self, stage: str) -> set[str]:
        """Tile axes that a vector operand depends on: innermost, so that each broadcast element is used at once."""
        vector = self.axes[-1].name
        found: set[str] = set()
        for load in loads_of(self.stage):
            names = {node.name for index in load.indices for node in walk(index) if isinstance(node, Var)}
            others = {axis.name for axis in self.axes[:-1]} & names
            if vector in names and len(others) < len(self.axes) - 1:
                found |= {f"{stage}.{name.removeprefix(f'{self.anchor}.')}" for name in others}
        return found if len(found) < len(self.axes) - 1 else set()

    def _root_stages(self, place: str, packed: list[str]) -> Iterator[Step]:
        """Vectorise and share out what still stands at the root: packed copies, padded copies, stages behind the output."""
        structure = self.structure
        for name in self.sources if place == "root" else ():
            yield from schedule_root_stage(structure.stages[name], self.target)
        for name in packed:
            if name not in structure.constant:
                blocks, order = self.packable[name]
                shape = structure.workload.arguments[structure.workload.argument_names.index(name)].type.shape
                yield from schedule_packing(f"{name}.packed", shape, blocks, order, self.target)
        done = structure.upstream(self.output) | {self.output}
        for name in structure.running:
            if name not in done:
                yield from schedule_root_stage(structure.stages[name], self.target)


def _is_point(load: Load, axes: tuple[Axis, ...]) -> bool:
    """Whether the load reads the very element that is computed."""
    return all(index == axis.var or (axis.extent == 1 and index == Const(0)) for index, axis in zip(load.indices, axes, strict=True))


def _mentions_elsewhere(load: Load, own: int, name: str) -> bool:
    return any(
        isinstance(node, Var) and node.name == name for axis, index in enumerate(load.indices) if axis != own for node in walk(index)
    )


def _reach(load: Load, axis: int, extents: dict[str, int], limit: int) -> int:
    """Elements along an axis that the load touches while its variables run over `extents`."""
    reach = 1
    for atom, k in linear(load.indices[axis]).terms:
        if not isinstance(atom, Var):
            return limit
        reach += abs(k) * (extents.get(atom.name, 1) - 1)
    return min(reach, limit)
