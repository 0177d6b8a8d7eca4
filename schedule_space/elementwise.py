"""The space of kernels without a reduction: everything is inlined into the output, one pass over memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from compiler.schedule import ComputeInline, Fuse, Parallel, Schedule, Split, Step, Unroll, Vectorize
from compiler.target import Target
from compiler.te import Tensor
from schedule_space.candidate import Choice, Decisions, Parameter
from schedule_space.quantities import Columns, Quantities
from schedule_space.root_stage import MIN_PARALLEL_ELEMENTS
from schedule_space.structure import Structure, data_axes


@dataclass(frozen=True)
class Elementwise:
    """for p = fused outer axes, in chunks: parallel; for the last axis: vectors, some of them unrolled."""

    structure: Structure
    target: Target
    threads: int

    @cached_property
    def output(self) -> Tensor:
        return self.structure.stages[self.structure.output_names[0]]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        axes = data_axes(self.output)
        lanes = self.target.vector_lanes
        result: list[Parameter] = []
        if axes and axes[-1].extent > 1:
            widths = [width for width in (lanes // 4, lanes // 2, lanes, 2 * lanes, 4 * lanes) if 1 < width <= axes[-1].extent]
            result.append(Parameter("width", tuple(widths) or (axes[-1].extent,)))
            vectors = -(-axes[-1].extent // max(widths, default=axes[-1].extent))
            result.append(Parameter("unroll", tuple(n for n in (1, 2, 4, 8) if n <= max(1, vectors))))
        if prod(axis.extent for axis in axes) > MIN_PARALLEL_ELEMENTS // 8:
            result.append(Parameter("parallel", (True, False)))
        return tuple(result) or (Parameter("parallel", (False,)),)

    def is_valid(self, decisions: Decisions) -> bool:
        extent = data_axes(self.output)[-1].extent if data_axes(self.output) else 1
        return int(decisions.get("width", 1)) * int(decisions.get("unroll", 1)) <= max(extent, int(decisions.get("width", 1)))

    def default(self) -> Decisions:
        elements = self.output.type.element_count
        choices: dict[str, Choice] = {parameter.name: parameter.choices[0] for parameter in self.parameters}
        if "width" in choices:
            widths = next(parameter.choices for parameter in self.parameters if parameter.name == "width")
            choices["width"] = max((w for w in widths if int(w) <= self.target.vector_lanes), key=int, default=widths[0])
        if "parallel" in choices:
            choices["parallel"] = elements >= MIN_PARALLEL_ELEMENTS and self.threads > 1
        return {p.name: choice if choice in p.choices else p.choices[0] for p in self.parameters for choice in [choices[p.name]]}

    def describe_batch(self, columns: Columns) -> Quantities:
        count = len(next(iter(columns.values())))
        axes, elements = data_axes(self.output), self.output.type.element_count
        last = axes[-1].extent if axes else 1
        width, unroll = (columns[name].astype(np.float64) if name in columns else np.ones(count) for name in ("width", "unroll"))
        lane_waste = np.ceil(last / width) * width / last
        shared = columns["parallel"].astype(np.float64) if "parallel" in columns else np.zeros(count)
        iterations = np.where(shared > 0, float(max(1, elements // last)), 1.0)
        return {
            "lane_waste": lane_waste,
            "unroll": unroll,
            "vector_loads": width / self.target.vector_lanes,
            "vector_steps": lane_waste * elements / width,
            "tiles": elements / (width * unroll),
            "parallel_iterations": iterations,
            "imbalance": np.ceil(iterations / self.threads) * self.threads / iterations,
        }

    def schedule(self, decisions: Decisions) -> Schedule:
        return Schedule(tuple(self._steps(decisions)))

    def _steps(self, decisions: Decisions) -> Iterator[Step]:
        for name in self.structure.running:
            if name != self.output.name:
                yield ComputeInline(name)
        axes = data_axes(self.output)
        if not axes:
            return
        outer = [axis.name for axis in axes[:-1]]
        last = axes[-1]
        width, unroll = int(decisions.get("width", 1)), int(decisions.get("unroll", 1))
        if width > 1 and width * unroll < last.extent:
            yield Split(last.name, (unroll, width) if unroll > 1 else (width,))
            yield Vectorize(f"{last.name}.{2 if unroll > 1 else 1}")
            if unroll > 1:
                yield Unroll(f"{last.name}.1")
            outer.append(f"{last.name}.0")
        elif width > 1 and last.extent <= max(width, self.target.vector_lanes):
            yield Vectorize(last.name)
        elif width > 1:
            yield Split(last.name, (width,))
            yield Vectorize(f"{last.name}.1")
            outer.append(f"{last.name}.0")
        if not outer:
            return
        if len(outer) > 1:
            yield Fuse(tuple(outer), f"{self.output.name}.p")
            outer = [f"{self.output.name}.p"]
        if decisions.get("parallel", False):
            yield Parallel(outer[0])
