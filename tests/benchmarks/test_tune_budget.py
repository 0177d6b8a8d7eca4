"""A short tune against a long one: the table on invented times, and both tunes of a small network for real."""

import json
import sys

import onnx
import pytest

from benchmarks import tune_budget
from benchmarks.network_builder import NetworkBuilder
from benchmarks.tune_budget import BudgetRow, main
from tilewright.interleave import Timing


def make_row(short: float, **others: float) -> BudgetRow:
    timings = {name: Timing((secs,)) for name, secs in (("untuned", 0.02), ("short", short), ("long", 0.0095))}
    known = {"short": 90.0, **others}
    return BudgetRow(network="net", threads=1, trials={name: 10 * int(secs) for name, secs in known.items()}, secs=known, timings=timings)


def test_too_slow_results_are_marked() -> None:
    cells = [str(cell) for cell in make_row(0.01, long=1800.0).cells()]
    assert cells == ["net", "1", "20.0", "90", "900", "10.0", "1800", "18000", "9.50", "95.0%"]
    cells = [str(cell) for cell in make_row(0.0101).cells()]
    assert cells[-4:] == ["-", "-", "9.50", "94.1% (*)"]


def test_a_small_network_is_tuned_twice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def make(seed: int, batch: int) -> onnx.ModelProto:
        net = NetworkBuilder("small", seed=seed)
        x = net.relu(net.conv(net.input((batch, 3, 12, 12)), 8, 3, 1))
        return net.finish(net.softmax(net.dense(net.flatten(net.global_average_pool(x)), 5)))

    monkeypatch.setattr(tune_budget, "NETWORKS", {"small": make})
    arguments = ["--networks", "small", "--seconds", "1", "--minutes", "0.04", "--rounds", "2", "--calls", "2", "--json"]
    monkeypatch.setattr(sys, "argv", ["tune_budget", *arguments])
    main()
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert min(row["trials"].values()) > 0
    assert {name: row[name]["calls"] for name in ("untuned", "short", "long")} == {"untuned": 4, "short": 4, "long": 4}
