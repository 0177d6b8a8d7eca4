"""The limits of this machine: that they can be measured, and what is made of the measurements."""

import pytest

from compiler.target import Target
from measure import BandwidthCurve, CeilingLoops, Roofline, best_of, measure_ceiling, measure_roofline
from measure.ceiling_loops import LoopShape


class FakeLoops(CeilingLoops):
    """A machine with one cache of 1 MiB, on a clock of its own: no loop is built or run."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def gflops(self, threads: int) -> float:
        return 100.0 * threads

    def gbytes(self, threads: int, size_bytes: int = 0, rounds: int = 0) -> float:
        self.asked.append((threads, size_bytes, rounds))
        return 200.0 if size_bytes <= 1 << 20 else 40.0 - len(self.asked)


def test_the_loops_run() -> None:
    loops = CeilingLoops(Target.parse("host"))
    assert loops.gflops(1) > 0
    assert loops.gbytes(1, size_bytes=1 << 14, rounds=1) > 0
    assert loops.gbytes(2, size_bytes=1000, rounds=1) > 0


def test_loops_suit_the_registers_of_a_target() -> None:
    assert LoopShape.of(Target.parse("x86-64-v3")) == LoopShape(8, 12)
    assert LoopShape.of(Target.parse("pi3b")) == LoopShape(4, 24)


def test_a_roofline_covers_sizes_from_cache_to_memory() -> None:
    loops = FakeLoops()
    roofline = measure_roofline(2, loops=loops)
    assert (roofline.threads, roofline.gflops) == (2, 200.0)
    sizes = [size for size, _ in roofline.read.points]
    assert (sizes[0], sizes[-1], len(sizes)) == (16 << 10, 256 << 20, 15)
    assert roofline.read.gbytes(1 << 20) == 200.0
    assert 25 <= roofline.read.gbytes(512 << 20) <= roofline.read.gbytes(64 << 20) < 40.0
    assert sorted(roofline.read.points, key=lambda point: -point[1]) == list(roofline.read.points)


def test_the_better_of_two_measurements_counts() -> None:
    first = Roofline(threads=1, gflops=90.0, read=BandwidthCurve(((1, 10.0), (2, 4.0))))
    second = Roofline(threads=1, gflops=80.0, read=BandwidthCurve(((1, 9.0), (2, 5.0))))
    assert best_of(first, second) == Roofline(threads=1, gflops=90.0, read=BandwidthCurve(((1, 10.0), (2, 5.0))))


def test_a_ceiling_is_a_point_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("measure.ceiling.CeilingLoops", lambda _target: FakeLoops())
    ceiling = measure_ceiling(2)
    assert (ceiling.threads, ceiling.gflops) == (2, 200.0)
