"""Bytes that a tiled loop nest moves into each cache, for a whole batch of loop orders and tile sizes.

The model: a cache holds what the largest enclosing group of inner loops touches, if that fits; every iteration of the loops outside reloads
the operands that depend on the loop just outside, and an operand that does not depend on it stays. Footprints of affine accesses are exact
(`region`), conflicts and associativity are left out. The reasoning is that of Wolf and Lam, "A data locality optimizing algorithm" (1991).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from schedule_space.quantities import Vector

USABLE_SHARE = 0.9  # of a cache: the rest belongs to the stack, to code and to what passes by


@dataclass(frozen=True, slots=True)
class Access:
    """One load or store. axes: for each axis of the buffer its extent and (variable, stride) pairs; None: all of it is touched."""

    buffer: str
    element_bytes: int
    axes: tuple[tuple[int, tuple[tuple[str, int], ...] | None], ...]

    def bytes_touched(self, extents: Mapping[str, Vector]) -> Vector:
        """While the variables run over so many values each, one where they are not named."""
        sizes = [
            float(limit) if strides is None else np.minimum(limit, 1.0 + sum(k * (extents[name] - 1.0) for name, k in strides))
            for limit, strides in self.axes
        ]
        return np.asarray(prod(sizes, start=float(self.element_bytes)), np.float64)


@dataclass(frozen=True, slots=True)
class LoopLevel:
    """extents: how far each variable runs inside the level's loops. trips: how often these are entered, over the whole kernel."""

    extents: Mapping[str, Vector]
    trips: Vector


def footprints(accesses: Sequence[Access], levels: Sequence[LoopLevel]) -> list[list[Vector]]:
    """Bytes of each access at each level."""
    return [[access.bytes_touched(level.extents) for access in accesses] for level in levels]


def bytes_into_caches(
    touched: Sequence[Sequence[Vector]], levels: Sequence[LoopLevel], capacities: Sequence[int], count: int
) -> list[Vector]:
    """touched: of `footprints`. levels: from the innermost to the whole nest. Bytes into a cache of each capacity; count: of candidates."""
    totals = [sum(parts, np.zeros(count)) for parts in touched]
    moved = [_bytes_moved(touched, levels, level) for level in range(len(levels))]
    result = []
    for capacity in capacities:
        into = moved[0]
        for total, bytes_moved in zip(totals, moved, strict=True):
            into = np.where(total <= USABLE_SHARE * capacity, bytes_moved, into)
        result.append(np.broadcast_to(into, (count,)))
    return result


def _bytes_moved(touched: Sequence[Sequence[Vector]], levels: Sequence[LoopLevel], level: int) -> Vector:
    """Into a cache that holds what is touched at this level, and no more."""
    outside = min(level + 1, len(levels) - 1)
    parts = [
        here * np.where(above > here, levels[level].trips, levels[outside].trips)
        for here, above in zip(touched[level], touched[outside], strict=True)
    ]
    return np.asarray(sum(parts), np.float64)
