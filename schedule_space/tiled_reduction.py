"""The space of one reduction with a register tile: convolutions, matrix products, pools.

The loop structure, for an output with axes x, y and a vector axis v (the last one):

    for p = fused leading outer loops:                       parallel
        for chunk of the last fused loop, remaining outer loops:
            accumulators[tile x, tile y, vectors of v] = 0    in registers
            for reduction (its innermost part unrolled):
                for tile x, tile y, vectors of v: accumulators += operands
            output tile = epilogue(accumulators)

The stage that feeds the reduction (a padded copy, a prologue) is computed at the root, per parallel iteration, per tile, or inlined, with a
version of its own for tiles clear of the border ("border") or without;
operands whose vector axis is not contiguous can be packed first, which costs nothing for constants. Next: `tile_steps.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations, product
from math import prod

from compiler.schedule import Schedule
from schedule_space.candidate import Choice, Decisions, Parameter
from schedule_space.describe_tiles import describe_tiles
from schedule_space.quantities import Columns, Quantities
from schedule_space.reduction_nest import ReductionNest
from schedule_space.tile_choices import MAX_UNROLLED_VECTORS, PREFETCHES, chunk_choices, tile_choices, unroll_choices
from schedule_space.tile_plan import TileNumbers, TilePlan, read_plan, tile_numbers
from schedule_space.tile_steps import tiled_steps

MAX_SCRATCH_BYTES = 384 * 1024
MAX_WINDOW_TILE = 8  # vectors: 3x3 depthwise 56x56 took 73 us with 8, 78 with 14, 107 with 28 (Zen 5)
WINDOW_COPY = 1.6  # time of a window over a copy of its source, over that of a window over the source
MIN_PACKED_READS = 64  # of each element: 16 rows by 1024x1024 took 0.22 ms without a copy, 0.29 with one, 256 rows 3.6 and 2.4 (Zen 5)
MAX_IN_ORDER_STEPS = 2
# For operands loaded ahead, of 32 and of 16: 4 x 6 accumulators spill nothing on a Cortex-A53, 2 x 14 thirty times; with 16 registers
# (ARMv7) 2 x 4 spill nothing, 2 x 5 four times.
IN_ORDER_REGISTERS = (3, 4)
MAX_INLINE_READS = 64  # reduction steps up to which the source may be computed anew for each of them


@dataclass(frozen=True)
class TiledReduction:
    """The template for one reduction; `threads` will run the kernel."""

    nest: ReductionNest
    threads: int
    _numbers: dict[tuple[int, ...], TileNumbers] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        nest = self.nest
        result = [Parameter(f"tile_{nest.labels[position]}", tile_choices(nest.extents[position])) for position in nest.tiled]
        if nest.splits_vector:
            result.append(Parameter("vectors", tuple(n for n in (1, 2, 3, 4, 6, 8) if n <= -(-nest.extents[-1] // nest.lanes))))
        if len(nest.outer) > 1:
            orders = (",".join(nest.labels[position] for position in order) for order in permutations(nest.outer))
            result.append(Parameter("order", tuple(orders)))
        if nest.outer and (self.threads > 1 or nest.sources):
            result.append(Parameter("parallel", tuple(range(1, len(nest.outer) + 1))))
            result.append(Parameter("chunk", chunk_choices(max(nest.extents[position] for position in nest.outer))))
        result.append(Parameter("unroll", unroll_choices([axis.extent for axis in nest.reduction])))
        if nest.sources:
            result.append(Parameter("place", self._places()))
        result.extend(Parameter(f"pack_{name}", (True, False)) for name in nest.packable)
        if nest.streamed:
            result.append(Parameter("prefetch", PREFETCHES))
        return tuple(result)

    def _places(self) -> tuple[Choice, ...]:
        few = prod(axis.extent for axis in self.nest.reduction) <= MAX_INLINE_READS
        return ("root", "parallel", "inner", *(("inline", "border") if few else ()))

    def numbers(self, plan: TilePlan) -> TileNumbers:
        """What depends on the register tile alone; kept, since a search asks for few tiles and many candidates."""
        if plan.tile not in self._numbers:
            self._numbers[plan.tile] = tile_numbers(self.nest, plan.tile, plan.vectors)
        return self._numbers[plan.tile]

    def is_valid(self, decisions: Decisions) -> bool:
        plan = read_plan(self.nest, decisions)
        numbers = self.numbers(plan)
        if numbers.accumulators > 1 and numbers.registers > self.nest.target.vector_registers:
            return False
        if numbers.copies * plan.unroll * (2 if plan.place == "border" else 1) > MAX_UNROLLED_VECTORS:
            return False
        if plan.chunked is not None and plan.chunk > max(1, numbers.counts[plan.chunked]):
            return False
        return plan.scratch_bytes() <= MAX_SCRATCH_BYTES

    def schedule(self, decisions: Decisions) -> Schedule:
        return Schedule(tuple(tiled_steps(read_plan(self.nest, decisions))))

    def default(self) -> Decisions:
        """The cheapest by `_cost` over all tiles, the rest by rule."""
        valid = [decisions for decisions in self._promising() if self.is_valid(decisions)]
        first: Decisions = {p.name: p.choices[0] for p in self.parameters}
        best = min(valid, key=lambda decisions: self._cost(read_plan(self.nest, decisions)), default=first)
        return {p.name: best[p.name] for p in self.parameters}

    def _promising(self) -> Iterator[Decisions]:
        fixed: dict[str, Choice] = {f"pack_{name}": self._packs(name) for name in self.nest.packable}
        if self.nest.streamed:
            fixed["prefetch"] = PREFETCHES[1] if self.nest.streamed_bytes > self.nest.target.l2_bytes else 0
        if len(self.nest.outer) > 1:
            fixed["order"] = ",".join(self.nest.labels[position] for position in self._default_order())
        varied = [p for p in self.parameters if p.name.startswith("tile_") or p.name == "vectors"]
        for choices in product(*(p.choices for p in varied)):
            if prod(int(choice) for choice in choices) >= self.nest.target.vector_registers:
                continue
            decisions = {**fixed, **{p.name: choice for p, choice in zip(varied, choices, strict=True)}}
            for unroll in self._default_unrolls():
                decisions["unroll"] = unroll
                numbers = self.numbers(read_plan(self.nest, decisions))
                if self.nest.windowed and numbers.accumulators > MAX_WINDOW_TILE:
                    continue
                if numbers.registers + self._registers_ahead > self.nest.target.vector_registers:
                    continue
                yield from ({**decisions, **loops} for loops in self._default_loops(decisions, numbers))

    def _packs(self, name: str) -> bool:
        """By default: constants, columns that are no rows, and what is read often enough to be worth a copy."""
        blocks, order = self.nest.packable[name]
        return name in self.nest.structure.constant or blocks[0][0] != order[-1] - 1 or self.nest.reads(name) >= MIN_PACKED_READS

    @property
    def _registers_ahead(self) -> int:
        target = self.nest.target
        return IN_ORDER_REGISTERS[target.vector_registers < 32] if target.in_order else 0

    def _default_loops(self, decisions: Decisions, numbers: TileNumbers) -> Iterator[Decisions]:
        """How the outer loops are shared, and where the source is computed: in rows by each thread, or at the root if that is too much."""
        at_root: Decisions = {"place": "root"} if self.nest.sources else {}
        if not self.nest.outer:
            yield at_root
            return
        depth = max(1, len(self.nest.outer) - 1)
        if self.nest.windowed and self.nest.sources and "border" in self._places():
            yield from ({"parallel": depth, "chunk": chunk, "place": "border"} for chunk in (1, 2, 4))
        elif self.nest.sources:
            rows = numbers.counts[read_plan(self.nest, decisions).order[depth - 1]]
            for chunk in chunk_choices(min(rows, 8)):
                yield {"parallel": depth, "chunk": chunk, "place": "parallel"}
        yield {"parallel": depth, "chunk": 1, **at_root}

    def _default_unrolls(self) -> tuple[int, ...]:
        """Whole inner reduction axes up to 16 steps; of windows all, or the innermost axis alone.

        A longer body keeps too many operands alive: a 64->64 56x56 3x3 convolution took 4 times as long with 32 (Zen 5). Where execution is
        in order, loads are scheduled ahead, which takes registers: two steps, without spills, are predicted to take 2.9 cycles per
        multiply-add on a Cortex-A53, 12 steps with 68 spills 3.5 (benchmarks/cortex_a53.py).
        """
        window = prod(axis.extent for axis in self.nest.reduction)
        if self.nest.windowed and window <= 9:
            row = self.nest.reduction[-1].extent
            few = self.nest.target.vector_registers < 32 and self.nest.target.in_order  # nine taps of 2 x 4 spill 44 times on a Cortex-A53
            return (row,) if few else tuple(dict.fromkeys((row, window)))
        if self.nest.target.in_order:
            return tuple(range(1, min(MAX_IN_ORDER_STEPS, self.nest.reduction[-1].extent) + 1))
        steps = 1
        for axis in reversed(self.nest.reduction):
            if steps * axis.extent > 16 or (steps > 1 and self.nest.windowed):
                break
            steps *= axis.extent
        return (steps if steps > 1 else min(8, self.nest.reduction[-1].extent),)

    def _default_order(self) -> list[int]:
        """Output channels or columns outermost, so that a block of weights stays in cache while the data passes by."""
        nest = self.nest
        columns = [position for position in nest.outer if position == nest.vector_position or nest.labels[position] == "oc"]
        return [*columns, *(position for position in nest.outer if position not in columns)]

    def _parallel_iterations(self, plan: TilePlan, numbers: TileNumbers) -> int:
        """Iterations of the shared loop."""
        nest = self.nest
        free = prod(
            extent for position, extent in enumerate(nest.extents[:-1]) if position not in nest.outer and position not in nest.tiled
        )
        counts = [numbers.counts[position] for position in plan.order[: plan.parallel]]
        if counts:
            counts[-1] = -(-counts[-1] // plan.chunk)
        return prod(counts) * free

    def _imbalance(self, plan: TilePlan, numbers: TileNumbers, iterations: int) -> float:
        """The largest share of a thread over the mean share; shares are contiguous and as even as whole iterations allow."""
        if plan.chunked is None:
            return float(self.threads)
        rows = numbers.counts[plan.chunked]
        work = iterations / -(-rows // plan.chunk) * rows
        return -(-iterations // self.threads) * plan.chunk * self.threads / work

    def _cost(self, plan: TilePlan) -> float:
        """Relative cycles: multiply-adds with the waste of partial tiles, slowed by short dependency chains and by loads."""
        numbers = self.numbers(plan)
        load = 1.0 if self.nest.target.in_order else 0.25
        per_step = max(numbers.accumulators, 8.0) + (0.6 * plan.window_loads() if plan.windows else load * numbers.loads)
        overhead = 12.0 / (plan.unroll * numbers.accumulators) + 8.0 / prod(axis.extent for axis in self.nest.reduction)
        balance = self._imbalance(plan, numbers, self._parallel_iterations(plan, numbers))
        source = 1.05 if plan.place == "root" else 1.0 + 0.02 / plan.chunk
        if plan.windows and plan.place not in ("inline", "border"):
            source *= WINDOW_COPY
        return numbers.waste * balance * source * (per_step / numbers.accumulators + overhead)

    def describe_batch(self, columns: Columns) -> Quantities:
        return describe_tiles(self.nest, self.threads, columns)
