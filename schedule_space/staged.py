"""The space of everything else: several stages, some of them reductions (softmax, normalisations, a recurrent cell, a row's sum).

Where the stages share leading axes with the output (the rows of a softmax), all of them are computed inside one parallel loop over these;
otherwise each stands at the root. A reduction along contiguous elements gets as many partial results as a vector has lanes; one over other
axes keeps the output's last axis as its vector.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from compiler.schedule import (
    CacheRead,
    ComputeAt,
    ComputeInline,
    Fuse,
    Parallel,
    Reorder,
    RFactor,
    Schedule,
    Split,
    Step,
    Unroll,
    Vectorize,
)
from compiler.target import Target
from compiler.te import Tensor, Var
from schedule_space.candidate import Decisions, Parameter
from schedule_space.quantities import Columns, Quantities
from schedule_space.root_stage import MIN_PARALLEL_ELEMENTS, schedule_packing, vectorize_last
from schedule_space.structure import Structure, data_axes, loads_of, reduce_axes

MAX_ROW_BYTES = 256 * 1024


@dataclass(frozen=True)
class Staged:
    """Parameters: `rows`: whether the stages are computed inside the rows' loop; `partial`: partial results of contiguous reductions
    (1: none); `inline`: whether cheap stages are recomputed rather than stored; `parallel`."""

    structure: Structure
    target: Target
    threads: int

    @cached_property
    def stages(self) -> tuple[Tensor, ...]:
        return tuple(self.structure.stages[name] for name in self.structure.running)

    @cached_property
    def inlinable(self) -> tuple[str, ...]:
        """Stages without a reduction that are not outputs."""
        return tuple(t.name for t in self.stages if not reduce_axes(t) and t.name not in self.structure.output_names)

    @cached_property
    def shared_axes(self) -> int:
        """Leading axes of the (single) output along which every stage can be cut into rows."""
        outputs = self.structure.output_names
        if len(outputs) != 1 or len(self.stages) < 2:
            return 0
        output = self.structure.stages[outputs[0]]
        shared = len(output.shape)
        own = data_axes(output)
        for tensor in self.stages:
            for load in loads_of(tensor):
                if load.buffer.name not in self.structure.running:
                    continue
                reader = data_axes(tensor)
                match = 0
                while (
                    match < min(len(load.indices), len(reader), len(own))
                    and load.buffer.shape[match] == own[match].extent
                    and load.indices[match] == reader[match].var
                ):
                    match += 1
                shared = min(shared, match)
        rows = prod(axis.extent for axis in own[:shared])
        row_bytes = sum(prod(t.shape) * t.dtype.itemsize for t in self.stages) // max(rows, 1)
        return shared if row_bytes <= MAX_ROW_BYTES and rows > 1 else 0

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        lanes = self.target.vector_lanes
        result: list[Parameter] = []
        if self.shared_axes:
            result.append(Parameter("rows", (True, False)))
        if any(self._contiguous(tensor) for tensor in self.stages):
            result.append(Parameter("partial", (lanes, 1, lanes // 2, 2 * lanes) if lanes > 2 else (lanes, 1)))
        if self.inlinable:
            result.append(Parameter("inline", (False, True)))
        result.append(Parameter("parallel", (True, False)))
        return tuple(result)

    def _contiguous(self, tensor: Tensor) -> bool:
        """Whether the innermost reduction axis runs over contiguous elements of an operand, and the last data axis does not."""
        if not reduce_axes(tensor):
            return False
        inner = reduce_axes(tensor)[-1]
        along = any(load.indices and load.indices[-1] == Var(inner.name) for load in loads_of(tensor))
        return along and inner.extent >= self.target.vector_lanes

    def is_valid(self, decisions: Decisions) -> bool:
        del decisions
        return True

    def default(self) -> Decisions:
        choices = {parameter.name: parameter.choices[0] for parameter in self.parameters}
        work = max((t.type.element_count * prod(a.extent for a in reduce_axes(t)) for t in self.stages), default=0)
        choices["parallel"] = self.threads > 1 and work >= MIN_PARALLEL_ELEMENTS
        return choices

    def describe_batch(self, columns: Columns) -> Quantities:
        count = len(next(iter(columns.values())))
        rows, inlined, shared = (
            columns[name].astype(np.float64) if name in columns else np.zeros(count) for name in ("rows", "inline", "parallel")
        )
        partial = columns["partial"].astype(np.float64) if "partial" in columns else np.ones(count)
        work = sum(tensor.type.element_count * prod(axis.extent for axis in reduce_axes(tensor)) for tensor in self.stages)
        largest = max((prod(tensor.shape[:-1]) for tensor in self.stages), default=1)
        together = prod(axis.extent for axis in data_axes(self.stages[-1])[: self.shared_axes]) if self.shared_axes else largest
        iterations = np.where(shared > 0, np.where(rows > 0, float(together), float(largest)), 1.0)
        stored = float(sum(tensor.type.size_bytes for tensor in self.stages if tensor.name not in self.structure.output_names))
        return {
            "accumulators": np.maximum(1.0, partial / self.target.vector_lanes),
            "vector_steps": float(work) / np.minimum(partial, float(self.target.vector_lanes)),
            "parallel_iterations": iterations,
            "imbalance": np.ceil(iterations / self.threads) * self.threads / iterations,
            "source_bytes": np.where(inlined > 0, 0.0, stored),
            "iteration_bytes": stored / np.where(rows > 0, float(together), 1.0),
            "at_iteration": rows,
            "at_root": 1.0 - rows,
            "inlined": inlined,
        }

    def schedule(self, decisions: Decisions) -> Schedule:
        return Schedule(tuple(self._steps(decisions)))

    def _steps(self, decisions: Decisions) -> Iterator[Step]:
        inlined = set(self.inlinable) if decisions.get("inline", False) else set()
        for name in self.inlinable:
            if name in inlined:
                yield ComputeInline(name)
        kept = [tensor for tensor in self.stages if tensor.name not in inlined]
        partial = int(decisions.get("partial", 1))
        rows = self.shared_axes if decisions.get("rows", False) else 0
        if not rows:
            for tensor in kept:
                yield from self._root(tensor, partial, bool(decisions["parallel"]))
            return
        output = kept[-1]
        names = [axis.name for axis in data_axes(output)]
        row_loop = names[0]
        if rows > 1:
            row_loop = f"{output.name}.p"
            yield Fuse(tuple(names[:rows]), row_loop)
        for tensor in reversed(kept[:-1]):
            yield ComputeAt(tensor.name, row_loop)
        for tensor in kept[:-1]:
            if reduce_axes(tensor):
                yield from self._reduction(tensor, partial, at=row_loop, fixed=rows)
            else:
                yield from vectorize_last(data_axes(tensor)[-1].name, self._row_extent(tensor, rows), self.target)
        if rows < len(names):
            yield from vectorize_last(names[-1], output.shape[-1], self.target)
        if decisions["parallel"]:
            yield Parallel(row_loop)

    def _row_extent(self, tensor: Tensor, rows: int) -> int:
        return 1 if len(tensor.shape) <= rows else tensor.shape[-1]

    def _root(self, tensor: Tensor, partial: int, parallel: bool) -> Iterator[Step]:
        axes = data_axes(tensor)
        names = [axis.name for axis in axes]
        if reduce_axes(tensor):
            packed = self._packable(tensor)
            if packed is not None:
                name, blocks, order = packed
                yield CacheRead(name, tensor.name, f"{name}.packed", blocks, order)
                if name not in self.structure.constant:
                    shape = self.structure.workload.arguments[self.structure.workload.argument_names.index(name)].type.shape
                    yield from schedule_packing(f"{name}.packed", shape, blocks, order, self.target)
            vectors = yield from self._reduction(tensor, 1 if packed else partial, at=None, fixed=0)
        else:
            vectors = True
            if names:
                yield from vectorize_last(names[-1], axes[-1].extent, self.target)
        outer = names[:-1] if vectors else names
        if not outer and names and axes[-1].extent > self.target.vector_lanes and vectors:
            outer = [f"{names[-1]}.0"]
        if len(outer) > 1:
            yield Fuse(tuple(outer), f"{tensor.name}.p")
            outer = [f"{tensor.name}.p"]
        if outer and parallel:
            yield Parallel(outer[0])

    def _packable(self, tensor: Tensor) -> tuple[str, tuple[tuple[int, int], ...], tuple[int, ...]] | None:
        """A constant matrix whose rows run along the output's last axis: transposed, its columns are vectors."""
        vector, reduction = data_axes(tensor)[-1:], {axis.name for axis in reduce_axes(tensor)}
        for load in loads_of(tensor):
            name = load.buffer.name
            if name not in self.structure.workload.argument_names or name not in self.structure.constant or len(load.indices) != 2:
                continue
            row, column = load.indices
            if vector and row == vector[0].var and isinstance(column, Var) and column.name in reduction:
                lanes = min(self.target.vector_lanes, vector[0].extent)
                return name, ((0, lanes),), (0, 1, 2)
        return None

    def _reduction(self, tensor: Tensor, partial: int, *, at: str | None, fixed: int) -> Generator[Step, None, bool]:
        """Schedule a reduction; returns whether its last data axis is the vector."""
        name, reduction = tensor.name, reduce_axes(tensor)
        if self._contiguous(tensor) and partial > 1 and reduction[-1].extent >= partial:
            inner = reduction[-1].name
            yield Split(inner, (partial,))
            yield RFactor(name, f"{inner}.1", f"{name}.rf")
            short = inner.removeprefix(f"{name}.")
            if at is None and tensor.shape:
                yield ComputeAt(f"{name}.rf", data_axes(tensor)[-1].name)
            yield Vectorize(f"{name}.rf.{short}.1")
            return False
        axes = data_axes(tensor)
        if len(axes) <= fixed or axes[-1].extent < 2 or self._contiguous(tensor):
            return False
        last = axes[-1]
        if last.extent > self.target.vector_lanes:
            yield Split(last.name, (self.target.vector_lanes,))
            yield Reorder((f"{last.name}.0", *(axis.name for axis in reduction), f"{last.name}.1"))
            yield Vectorize(f"{last.name}.1")
        else:
            yield Reorder((*(axis.name for axis in reduction), last.name))
            yield Vectorize(last.name)
        if reduction[-1].extent <= 8:
            yield Unroll(reduction[-1].name)
        return True
