"""Fixed schedules for stages without a reduction that stand at the root: vectors along the last axis, threads over the others."""

from collections.abc import Iterator, Sequence
from math import prod

from compiler.schedule import Fuse, Narrow, Parallel, Prefetch, Split, Step, Vectorize, blocked_shape
from compiler.target import Target
from compiler.te import HIGH, LOW, Tensor
from compiler.tensor_type import FLOAT32
from schedule_space.structure import data_axes

MIN_PARALLEL_ELEMENTS = 8192  # waking the pool costs about 2 us, the time of some thousand elements


def vectorize_last(name: str, extent: int, target: Target) -> Iterator[Step]:
    """Make the loop `name` a vector, or vectors of the machine's width with a tail."""
    if extent > target.vector_lanes:
        yield Split(name, (target.vector_lanes,))
        yield Vectorize(f"{name}.1")
    elif extent > 1:
        yield Vectorize(name)


def _share(stage: str, names: Sequence[str], extents: Sequence[int], target: Target) -> Iterator[Step]:
    outer = list(names[:-1])
    yield from vectorize_last(names[-1], extents[-1], target)
    if not outer and extents[-1] > target.vector_lanes:
        outer = [f"{names[-1]}.0"]
    if len(outer) > 1:
        yield Fuse(tuple(outer), f"{stage}.p")
        outer = [f"{stage}.p"]
    if outer and prod(extents) >= MIN_PARALLEL_ELEMENTS:
        yield Parallel(outer[0])


def schedule_root_stage(stage: Tensor, target: Target) -> Iterator[Step]:
    """Steps for the untouched nest of a stage."""
    axes = data_axes(stage)
    if axes:
        yield from _share(stage.name, [axis.name for axis in axes], [axis.extent for axis in axes], target)


def schedule_packing(
    name: str, shape: Sequence[int], blocks: tuple[tuple[int, int], ...], order: tuple[int, ...], target: Target
) -> Iterator[Step]:
    """Steps for the copy that `CacheRead(buffer, reader, name, blocks, order)` makes of a buffer of `shape`."""
    yield from _share_copy(name, packed_shape(shape, blocks, order), target)


def packed_shape(shape: Sequence[int], blocks: tuple[tuple[int, int], ...], order: tuple[int, ...]) -> list[int]:
    """Of the copy that `CacheRead` makes."""
    blocked = blocked_shape(shape, blocks)
    return [blocked[axis] for axis in order]


def schedule_narrow(name: str, shape: Sequence[int], ahead: int, target: Target) -> Iterator[Step]:
    """Steps that keep the constant stage `name` in three bytes per number. ahead: as `Prefetch`'s, of numbers in four bytes; 0: none."""
    yield Narrow(name)
    for part, dtype in (("high", HIGH), ("low", LOW)):
        yield from _share_copy(f"{name}.{part}", shape, target)
        if ahead:
            yield Prefetch(f"{name}.{part}", ahead * dtype.itemsize // FLOAT32.itemsize)


def _share_copy(name: str, extents: Sequence[int], target: Target) -> Iterator[Step]:
    """Of a copy with the loops d0, d1, ..."""
    yield from _share(name, [f"{name}.d{position}" for position in range(len(extents))], extents, target)
