"""What llvm-mca predicts for a kernel on a cpu that is not here: its inner loop, and the whole kernel around it. Nothing is measured.

In: a candidate of a space. Out: `PredictedKernel`. A loop alone says too little to choose by: a small tile has a short loop and much work
around it, a tile that fits badly computes what nobody needs. So the whole kernel is the inner loop as often as the kernel needs it (partial
tiles as whole ones), the instructions of each loop around it as often as the loop nest says, and what the space tells of copies and
transforms at one instruction a cycle. Caches and memory are in neither, so what differs in those alone (the order of the outer loops,
prefetches) is as good one way as the other. Next: `tune_by_model.py`, which searches by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from benchmarks.inner_loop import InnerLoop, find_loop_nest, predicted_cycles
from compiler.codegen.llvm import generate_assembly
from compiler.loop_ir import For, LoopKind, Stmt, sub_statements
from compiler.lower import lower
from compiler.target import Target
from schedule_space import Candidate, ScheduleSpace

COPY_INSTRUCTIONS = 2  # a load and a store for each vector of a copied operand; a Cortex-A53 does one of them per cycle


@dataclass(frozen=True, slots=True)
class PredictedKernel:
    """cycles: of the whole kernel. multiply_adds: of vectors, those needed."""

    loop: InnerLoop
    cycles: float
    multiply_adds: float

    @property
    def cycles_per_multiply_add(self) -> float:
        return self.cycles / self.multiply_adds


def predict_kernel(space: ScheduleSpace, candidate: Candidate, cpu: str) -> PredictedKernel:
    """cpu: whose model of LLVM's is asked. Raises `TilewrightError` where the compiler or llvm-mca refuses, ValueError without a loop."""
    target = space.target
    kernel = lower(space.workload, space.schedule(candidate), target)
    nest = find_loop_nest(generate_assembly(kernel, target, "kernel"))
    extents = reduction_path(kernel.main.body)
    if len(extents) != len(nest.around) + 1:
        raise ValueError(f"the inner loop stands in {len(nest.around)} others, the one of the loop nest in {len(extents) - 1}")
    told = space.describe(candidate)
    passes = told["vector_steps"] / nest.inner.multiply_adds
    cycles = passes * predicted_cycles(nest.inner.instructions, target.arch, cpu)
    for depth, instructions in enumerate(nest.around, 1):
        if instructions:
            cycles += passes / prod(extents[depth:]) * predicted_cycles(instructions, target.arch, cpu)
    cycles += told.get("transform_steps", 0.0) + COPY_INSTRUCTIONS * told.get("source_bytes", 0.0) / _vector_bytes(target)
    return PredictedKernel(nest.inner, cycles, told["vector_steps"] / told["waste"])


def reduction_path(body: Stmt) -> tuple[int, ...]:
    """Extents of the loops, outermost first, around the statement that a reduction executes most often, as far as they stay loops."""
    return max(_paths(body), key=lambda path: path.weight).extents


@dataclass(frozen=True, slots=True)
class _Path:
    """weight: loops of the reduction that are left, then how often the innermost of them executes its statement in one pass."""

    extents: tuple[int, ...]
    weight: tuple[int, int]


def _paths(stmt: Stmt) -> Sequence[_Path]:
    inner = [path for part in sub_statements(stmt) for path in _paths(part)] or [_Path((), (0, 1))]
    if not isinstance(stmt, For):
        return inner
    if stmt.kind in (LoopKind.SERIAL, LoopKind.PARALLEL):
        return [_Path((stmt.extent, *path.extents), (path.weight[0] + stmt.reduce, path.weight[1])) for path in inner]
    return [_Path(path.extents, (path.weight[0], path.weight[1] * stmt.extent)) for path in inner]


def _vector_bytes(target: Target) -> int:
    return target.vector_bits // 8
