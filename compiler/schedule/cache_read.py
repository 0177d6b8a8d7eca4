"""cache_read: a copy of a buffer, in another order if wanted (packing), that its readers use instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import Allocate, For, LoopFunc, Stmt, Store, linear, linear_bounds, map_statement, seq, simplify
from compiler.schedule.locate import find_buffer, find_stage, load_mapper, loads, loop_names, loop_ranges, replace
from compiler.schedule.step import register_step
from compiler.te import Binary, Buffer, Const, Expr, Load, Var, binary, logical_and, select

Blocks = tuple[tuple[int, int], ...]


def blocked_shape(shape: Sequence[int], blocks: Blocks) -> list[int]:
    """The extents of a buffer of `shape` split by `blocks`, before `order`."""
    return [*(-(-extent // _inside(blocks, axis)) for axis, extent in enumerate(shape)), *(factor for _, factor in blocks)]


def _inside(blocks: Blocks, axis: int) -> int:
    """Elements of `axis` inside all of its blocks."""
    return prod(factor for blocked, factor in blocks if blocked == axis)


@register_step
@dataclass(frozen=True, slots=True)
class CacheRead:
    """Copy `buffer` into the new stage `name`, which the stage `reader` reads from then on.

    blocks: (axis, factor) pairs: the axis is split by the factor, the inner part becoming a new axis behind all others; an axis that comes
    twice is split again inside. `order` permutes the axes of the result (empty: as they are). Elements that pad a factor up to its
    multiple are zero. The copy is a stage like any other: it can be moved by compute_at, and one of a constant is made at compile time.

    for i, j, k: c[i, j] += a[i, k] * b[k, j]     ->    for k, j.0, j.1: b.packed[j.0, k, j.1] = b[k, j.0*16 + j.1]
                                                        for i, j, k: c[i, j] += a[i, k] * b.packed[j // 16, k, j % 16]
    with CacheRead("b", "c", "b.packed", ((1, 16),), (1, 0, 2))
    """

    kind: ClassVar[str] = "cache_read"
    buffer: str
    reader: str
    name: str
    blocks: Blocks = ()
    order: tuple[int, ...] = ()

    def apply(self, func: LoopFunc) -> LoopFunc:
        source = find_buffer(func, self.buffer)
        nest = find_stage(func.body, self.reader)
        if next(loads(nest, self.buffer), None) is None:
            raise ScheduleError(f"cache_read: stage {self.reader!r} does not read {self.buffer!r}")
        rank = len(source.shape) + len(self.blocks)
        order = self.order or tuple(range(rank))
        if sorted(order) != list(range(rank)) or any(loop.startswith(f"{self.name}.") for loop in loop_names(func.body)):
            raise ScheduleError(f"cache_read: {order} does not permute {rank} axes, or {self.name!r} is taken")
        shape = blocked_shape(source.shape, self.blocks)
        buffer = Buffer(self.name, tuple(shape[axis] for axis in order), source.dtype)

        ranges = loop_ranges(nest)

        def pack(load: Load) -> Expr:
            parts = [binary("floordiv", index, _inside(self.blocks, axis)) for axis, index in enumerate(load.indices)]
            for position, (axis, factor) in enumerate(self.blocks):
                part = binary("floordiv", load.indices[axis], _inside(self.blocks[position + 1 :], axis))
                parts.append(binary("mod", part, factor))
            return Load(buffer, tuple(simplify(parts[axis], ranges) for axis in order))

        reader = map_statement(nest, lambda _: None, load_mapper(self.buffer, pack))
        body = replace(func.body, nest, seq(self._copy(source, buffer, shape, order), reader))
        return LoopFunc(func.name, func.params, Allocate(buffer, body))

    def _copy(self, source: Buffer, buffer: Buffer, shape: list[int], order: tuple[int, ...]) -> Stmt:
        variables = [Var(f"{self.name}.d{position}") for position in range(len(shape))]
        axis_vars = {axis: variables[order.index(axis)] for axis in range(len(shape))}
        indices: list[Expr] = [axis_vars[axis] for axis in range(len(source.shape))]
        for position, (axis, factor) in enumerate(self.blocks):
            indices[axis] = binary("add", binary("mul", indices[axis], factor), axis_vars[len(source.shape) + position])
        ranges = {variable.name: (0, extent - 1) for variable, extent in zip(variables, buffer.shape, strict=True)}
        guards = []
        for index, extent in zip(indices, source.shape, strict=True):
            limits = linear_bounds(linear(index), ranges)
            if limits is None or limits[1] >= extent:
                guards.append(Binary("lt", index, Const(extent)))
        value = select(logical_and(*guards), Load(source, tuple(indices)), 0.0 if source.dtype.kind == "f" else 0)
        stmt: Stmt = Store(buffer, tuple(variables), value)
        for variable, extent in zip(reversed(variables), reversed(buffer.shape), strict=True):
            stmt = For(variable.name, extent, stmt)
        return stmt
