"""Index values while code is emitted: constant + sum(coefficient * atom) + stride * lane. Built by `index_emitter.py`, used for addresses.

An atom is a scalar int64 that exists in the emitted code (a loop's variable, a quotient, a loaded index) with its inclusive range and the
scope that it belongs to. The lane is the number of the lane in the vectorized loop being emitted, 0 <= lane < lanes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from llvmlite import ir

UNBOUNDED = 1 << 63


@dataclass(eq=False, slots=True)
class Atom:
    value: ir.Value
    depth: int
    low: int = -UNBOUNDED
    high: int = UNBOUNDED


Terms = tuple[tuple[Atom, int], ...]


@dataclass(frozen=True, slots=True)
class Affine:
    """terms: the atoms of outer scopes first; no zero coefficients."""

    constant: int = 0
    terms: Terms = field(default=())
    lane: int = 0

    @property
    def is_constant(self) -> bool:
        return not self.terms and not self.lane


def combine(parts: Iterable[tuple[Affine, int]], constant: int = 0) -> Affine:
    """constant + the sum of factor * part."""
    lane = 0
    merged: dict[Atom, int] = {}
    for part, factor in parts:
        constant += factor * part.constant
        lane += factor * part.lane
        for atom, coefficient in part.terms:
            merged[atom] = merged.get(atom, 0) + factor * coefficient
    terms = [(atom, coefficient) for atom, coefficient in merged.items() if coefficient]
    if len(terms) > 1:
        terms.sort(key=lambda term: term[0].depth)
    return Affine(constant, tuple(terms), lane)


def bounds(value: Affine, lanes: int) -> tuple[int, int]:
    """Inclusive range of `value` over the ranges of its atoms and over all lanes."""
    low = high = value.constant
    for atom, coefficient in value.terms:
        ends = (coefficient * atom.low, coefficient * atom.high)
        low, high = low + min(ends), high + max(ends)
    span = value.lane * (lanes - 1) if lanes else 0
    return low + min(span, 0), high + max(span, 0)


def split_by(value: Affine, divisor: int) -> tuple[Affine, Affine]:
    """(quotient, rest), value = divisor * quotient + rest: the rest has what `divisor` does not divide and a constant in [0, divisor)."""
    quotient = Affine(
        value.constant // divisor,
        tuple((atom, coefficient // divisor) for atom, coefficient in value.terms if coefficient % divisor == 0),
        value.lane // divisor if value.lane % divisor == 0 else 0,
    )
    rest = Affine(
        value.constant % divisor,
        tuple((atom, coefficient) for atom, coefficient in value.terms if coefficient % divisor),
        value.lane if value.lane % divisor else 0,
    )
    return quotient, rest
