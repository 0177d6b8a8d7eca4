"""The limits of a machine over the size of what is touched: `Roofline`, and how it is measured. Next: `tilewright/kernel_bound.py`."""

from bisect import bisect_left
from dataclasses import dataclass
from math import log2

from compiler.target import Target
from measure.ceiling import CeilingLoops

SMALLEST_BYTES, LARGEST_BYTES = 16 << 10, 256 << 20  # a fraction of a first-level cache; past the last-level cache of any desktop
CURVE_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class BandwidthCurve:
    """points: (bytes touched again and again, 10^9 bytes a second), sizes ascending, at least one."""

    points: tuple[tuple[int, float], ...]

    def gbytes(self, size_bytes: float) -> float:
        """Between two sizes along the logarithm of the size; beyond the last ones theirs.

        >>> curve = BandwidthCurve(((1024, 100.0), (4096, 50.0)))
        >>> curve.gbytes(512), curve.gbytes(2048), curve.gbytes(1 << 20)
        (100.0, 75.0, 50.0)
        """
        position = bisect_left(self.points, (size_bytes, 0.0))
        if position == 0:
            return self.points[0][1]
        if position == len(self.points):
            return self.points[-1][1]
        (low, before), (high, after) = self.points[position - 1], self.points[position]
        return before + (after - before) * (log2(size_bytes) - log2(low)) / (log2(high) - log2(low))

    def falling(self) -> "BandwidthCurve":
        """Each point raised to the best of those of larger sizes: what a larger size reaches, a smaller one does too.

        >>> BandwidthCurve(((1, 90.0), (2, 95.0), (4, 10.0))).falling().points
        ((1, 95.0), (2, 95.0), (4, 10.0))
        """
        best = 0.0
        points = []
        for size_bytes, gbytes in reversed(self.points):
            best = max(best, gbytes)
            points.append((size_bytes, best))
        return BandwidthCurve(tuple(reversed(points)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """gflops: 10^9 float32 operations a second, a multiply-add counting two.

    read: over the bytes that are read again and again. Copying reaches the same where both ways count (Zen 5: within 10 % at every size).
    """

    threads: int
    gflops: float
    read: BandwidthCurve


def measure_roofline(threads: int, target: Target | None = None, loops: CeilingLoops | None = None) -> Roofline:
    """Of all threads together; takes about a second. loops: those of `target`, where they exist already."""
    loops = loops or CeilingLoops(target or Target.parse("host"))
    sizes = [SMALLEST_BYTES << step for step in range((LARGEST_BYTES // SMALLEST_BYTES).bit_length())]
    read = BandwidthCurve(tuple((size, loops.gbytes(threads, size, CURVE_ROUNDS)) for size in sizes))
    return Roofline(threads=threads, gflops=loops.gflops(threads), read=read.falling())


def best_of(first: Roofline, second: Roofline) -> Roofline:
    """Of two measurements on one machine, over the same sizes, what was reached in either."""
    pairs = zip(first.read.points, second.read.points, strict=True)
    curve = BandwidthCurve(tuple((size, max(before, after)) for (size, before), (_, after) in pairs))
    return Roofline(threads=first.threads, gflops=max(first.gflops, second.gflops), read=curve)
