"""compute_at: compute a stage where it is needed, just as much of it as one iteration needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import (
    Allocate,
    For,
    IfThen,
    Linear,
    LoopFunc,
    Range,
    Seq,
    Stmt,
    Store,
    Update,
    bounds,
    linear,
    linear_bounds,
    map_statement,
    seq,
    simplify,
)
from compiler.schedule.definition import StageDefinition, stage_definition
from compiler.schedule.locate import find_loop, find_stage, load_mapper, loads, loop_ranges, path_to, remove_allocation, replace
from compiler.schedule.step import register_step
from compiler.te import Binary, Buffer, Const, Expr, Load, binary, names_in, substitute

SCOPES = ("local", "register")


@register_step
@dataclass(frozen=True, slots=True)
class ComputeAt:
    """Move a stage into a loop of its consumer, over just the region that one iteration reads, stored in `scope`.

    for i in range(0, 8):               for j.0 in range(0, 2):
        b[i] = a[i] + 1                     allocate b[4]  # local
    for j.0 in range(0, 2):      ->         for i in range(0, 4):
        for j.1 in range(0, 4):                 b[i] = a[j.0*4 + i] + 1
            c[j.0*4 + j.1] = b[...]         for j.1 in range(0, 4):
                                                c[j.0*4 + j.1] = b[j.1]
    """

    kind: ClassVar[str] = "compute_at"
    stage: str
    loop: str
    scope: str = "local"

    def apply(self, func: LoopFunc) -> LoopFunc:
        if self.scope not in SCOPES:
            raise ScheduleError(f"compute_at: unknown scope {self.scope!r}; known: {', '.join(SCOPES)}")
        nest = find_stage(func.body, self.stage)
        definition = stage_definition(nest, self.stage)
        old_buffer = definition.statement.buffer
        body = remove_allocation(replace(func.body, nest, Seq(())), self.stage)
        moved = LoopFunc(func.name, func.params, body)
        target = find_loop(moved, self.loop)
        inside = list(loads(target, self.stage))
        if len(inside) != sum(1 for _ in loads(body, self.stage)):
            raise ScheduleError(f"compute_at: {self.stage!r} is read outside {self.loop!r} too")
        outer = _ranges(path_to(body, target) or ())
        inner = loop_ranges(target.body)
        region = _region(inside, old_buffer, set(inner), {**outer, **inner})
        buffer = Buffer(self.stage, tuple(extent for _, extent in region), old_buffer.dtype, self.scope)
        producer = _producer(definition, buffer, region, outer)

        def relocate(load: Load) -> Expr:
            indices = tuple(
                simplify(binary("sub", index, base), {**outer, **inner}) for index, (base, _) in zip(load.indices, region, strict=True)
            )
            return Load(buffer, indices)

        rest = map_statement(target.body, lambda _: None, load_mapper(self.stage, relocate))
        new = For(target.name, target.extent, Allocate(buffer, seq(producer, rest)), target.kind, target.reduce, target.start)
        return LoopFunc(func.name, func.params, replace(body, target, new))


def _ranges(stmts: Sequence[Stmt]) -> dict[str, Range]:
    return {stmt.name: (stmt.start, stmt.start + stmt.extent - 1) for stmt in stmts if isinstance(stmt, For)}


def _relaxed(form: Linear, inner: set[str], ranges: dict[str, Range]) -> tuple[Linear, int, int] | None:
    """Split an index into the part fixed outside, and the bounds of the part that varies inside; None if it cannot be split."""
    fixed: list[tuple[Expr, int]] = []
    varying: list[tuple[Expr, int]] = []
    for atom, k in form.terms:
        names = names_in(atom)
        if names.buffers:
            return None
        (fixed if names.variables.isdisjoint(inner) else varying).append((atom, k))
    limits = linear_bounds(Linear(tuple(varying), form.constant), ranges)
    return None if limits is None else (Linear(tuple(fixed), 0), limits[0], limits[1])


def _region(found: list[Load], buffer: Buffer, inner: set[str], ranges: dict[str, Range]) -> list[tuple[Expr, int]]:
    """(first index, extent) per axis that covers all loads; the whole axis where the indices cannot be analysed."""
    if not found:
        raise ScheduleError(f"{buffer.name!r} is not read there")
    region: list[tuple[Expr, int]] = []
    for axis, extent in enumerate(buffer.shape):
        parts = [_relaxed(linear(simplify(load.indices[axis], ranges)), inner, ranges) for load in found]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or any(dict(part[0].terms) != dict(known[0][0].terms) for part in known):
            region.append((Const(0), extent))
            continue
        low, high = min(part[1] for part in known), max(part[2] for part in known)
        if high - low + 1 >= extent:
            region.append((Const(0), extent))
        else:
            region.append((known[0][0].plus(Linear((), low)).expr(), high - low + 1))
    return region


def _producer(
    definition: StageDefinition,
    buffer: Buffer,
    region: list[tuple[Expr, int]],
    outer: dict[str, Range],
) -> Stmt:
    """The stage's nest over the region, guarded where the region can stick out of the stage's own shape."""
    data, statement = definition.loops, definition.statement
    indices = tuple(loop.var for loop in data)
    moved = {loop.name: simplify(binary("add", base, loop.var), outer) for loop, (base, _) in zip(data, region, strict=True)}
    value = substitute(statement.value, moved)
    result: Stmt = Store(buffer, indices, value)
    if isinstance(statement, Update):
        result = Update(buffer, indices, statement.combiner, value)
    ranges = {**outer, **{loop.name: (0, extent - 1) for loop, (_, extent) in zip(data, region, strict=True)}}
    for loop in data:  # not the buffer's shape, which may have been padded
        limits = bounds(moved[loop.name], ranges)
        if limits is None or limits[1] >= loop.extent:
            result = IfThen(Binary("lt", moved[loop.name], Const(loop.extent)), result)
        if limits is None or limits[0] < 0:
            result = IfThen(Binary("le", Const(0), moved[loop.name]), result)
    for guard in reversed(definition.guards):
        result = IfThen(substitute(guard, moved), result)
    for loop in reversed(definition.reduce_loops):
        result = For(loop.name, loop.extent, result, reduce=True)
    for loop, (_, extent) in zip(reversed(data), reversed(region), strict=True):
        result = For(loop.name, extent, result)
    return result
