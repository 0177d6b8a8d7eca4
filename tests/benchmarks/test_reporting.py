"""Interleaving, tables and conditions."""

from dataclasses import replace

import pytest

from benchmarks.conditions import read_conditions
from benchmarks.tables import Cell, milliseconds, table
from compiler.target import Target
from measure import Ceiling, CeilingLoops
from tilewright.interleave import Timing, interleave, visiting_order


def test_visits_go_forwards_and_backwards() -> None:
    assert visiting_order(["a", "b", "c"], 3) == ["a", "b", "c", "c", "b", "a", "a", "b", "c"]


def test_every_contestant_gets_the_same_number_of_calls() -> None:
    seen: list[tuple[str, int]] = []

    def contestant(name: str, secs: float) -> object:
        def calls(count: int) -> list[float]:
            seen.append((name, count))
            return [secs] * count

        return calls

    timings = interleave({"a": contestant("a", 1.0), "b": contestant("b", 2.0)}, rounds=2, calls=3)  # type: ignore[dict-item]
    assert seen == [("a", 3), ("b", 3), ("b", 3), ("a", 3)]
    assert timings["a"].secs == (1.0,) * 6
    assert timings["b"].minimum == 2.0


def test_timing_summaries() -> None:
    timing = Timing((4.0, 1.0, 3.0, 2.0, 100.0, 2.0, 2.0, 3.0))
    assert timing.minimum == 1.0
    assert timing.median == 2.5
    assert timing.spread == pytest.approx((3.0 - 2.0) / 2.5)
    assert timing.to_json()["calls"] == 8


def test_losing_cells_are_marked_and_counted() -> None:
    text = table(
        ["network", "ours", "theirs"], [["resnet18", Cell("34.1"), "31.2"], ["vgg16", Cell("400", lost=True), "316"]], "slower than theirs"
    )
    assert text.splitlines() == [
        "| network  |    ours | theirs |",
        "|----------|--------:|-------:|",
        "| resnet18 |    34.1 |   31.2 |",
        "| vgg16    | 400 (*) |    316 |",
        "",
        "(*) slower than theirs: 1 cell",
    ]
    assert table(["a"], [["b"]], "slower").endswith("\nno cell slower")
    with pytest.raises(ValueError, match="a row has 1 cells, the header 2"):
        table(["a", "b"], [["c"]], "slower")


def test_milliseconds_have_three_digits() -> None:
    assert [milliseconds(secs) for secs in (0.3164, 0.03412, 0.005849, 0.000724)] == ["316", "34.1", "5.85", "0.724"]


def test_ceilings_are_measured_and_printed() -> None:
    loops = CeilingLoops(Target.parse("host"))
    assert loops.gflops(1) > 0
    assert loops.gbytes(2, size_bytes=1 << 20) > 0
    conditions = replace(read_conditions("benchmarks.models"), ceilings=(Ceiling(2, 250.0, 40.0),))
    assert conditions.lines()[-1] == "ceiling, 2 threads: 250.0 GFLOP/s, 40.0 GB/s read"
    assert conditions.to_json()["ceilings"] == [{"threads": 2, "gflops": 250.0, "gbytes": 40.0}]
