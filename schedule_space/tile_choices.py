"""Choices of tile sizes, chunks and unrolling, shared by the templates."""

from math import prod

MAX_UNROLLED_VECTORS = 640  # vector multiply-adds in one unrolled body, tails included: 50 ms of code generation (Zen 5)
MAX_TILE = 31
PREFETCHES = (0, 2048, 4096, 8192, 16384)  # bytes ahead
DEFAULT_PREFETCH = 8192


def tile_choices(extent: int) -> tuple[int, ...]:
    """Sizes that cut an axis into few tiles with little waste: the smallest size for each number of tiles, and small powers of two."""
    sizes = {1, 2, 3, 4, 6, 8}
    for count in range(1, extent + 1):
        size = -(-extent // count)
        if size <= MAX_TILE:
            sizes.add(size)
        if size <= 4:
            break
    return tuple(sorted(size for size in sizes if size <= extent))


def chunk_choices(extent: int) -> tuple[int, ...]:
    """Iterations of a parallel loop's last axis that one thread runs in a row."""
    return tuple(chunk for chunk in (1, 2, 4, 8, 16, 32) if chunk <= extent)


def unroll_choices(extents: list[int]) -> tuple[int, ...]:
    """Steps of the reduction in one unrolled body."""
    total = prod(extents)
    inner: set[int] = {1}
    size = 1
    for extent in reversed(extents):
        size *= extent
        if size <= 64:
            inner.add(size)
    return tuple(sorted(inner | {n for n in (2, 4, 8, 16, 32) if n <= total} | {min(8, extents[-1])}))
