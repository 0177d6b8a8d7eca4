"""A short tune against a long one: the table on invented times, and both tunes of a small network for real."""

import json
import sys
from pathlib import Path

import onnx
import pytest

from benchmarks import tune_budget
from benchmarks.network_builder import NetworkBuilder
from benchmarks.search_quality import Recording
from benchmarks.tune_budget import BudgetRow, main, others_prior
from records_db import DatabaseError
from tests.benchmarks.search_quality.lab import record_toy
from tilewright.interleave import Timing
from tuner import Prior, shipped_prior


def make_row(short: float, **others: float) -> BudgetRow:
    timings = {name: Timing((secs,)) for name, secs in (("untuned", 0.02), ("short", short), ("long", 0.0095))}
    known = {"short": 90.0, **others}
    return BudgetRow(network="net", threads=1, trials={name: 10 * int(secs) for name, secs in known.items()}, secs=known, timings=timings)


def test_too_slow_results_are_marked() -> None:
    cells = [str(cell) for cell in make_row(0.01, long=1800.0).cells()]
    assert cells == ["net", "1", "20.0", "90", "900", "10.0", "1800", "18000", "9.50", "95.0%"]
    cells = [str(cell) for cell in make_row(0.0101).cells()]
    assert cells[-4:] == ["-", "-", "9.50", "94.1% (*)"]


def make_small(seed: int, batch: int) -> onnx.ModelProto:
    net = NetworkBuilder("small", seed=seed)
    x = net.relu(net.conv(net.input((batch, 3, 12, 12)), 8, 3, 1))
    return net.finish(net.softmax(net.dense(net.flatten(net.global_average_pool(x)), 5)))


def test_a_small_network_is_tuned_twice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    learnt_without: list[str] = []
    monkeypatch.setattr(tune_budget, "NETWORKS", {"small": make_small})
    monkeypatch.setattr(tune_budget, "others_prior", lambda network, _folder: _note(learnt_without, network))
    arguments = ["--networks", "small", "--seconds", "1", "--minutes", "0.04", "--rounds", "2", "--calls", "2", "--json"]
    monkeypatch.setattr(sys, "argv", ["tune_budget", *arguments])
    main()
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert min(row["trials"].values()) > 0
    assert {name: row[name]["calls"] for name in ("untuned", "short", "long")} == {"untuned": 4, "short": 4, "long": 4}
    assert learnt_without == ["small"]


def test_a_long_database_that_is_not_there_is_no_untuned_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = tmp_path / "long.db"
    monkeypatch.setattr(tune_budget, "NETWORKS", {"small": make_small})
    arguments = ["--networks", "small", "--seconds", "0.1", "--prior", "none", "--long-db", f"sqlite:///{missing}"]
    monkeypatch.setattr(sys, "argv", ["tune_budget", *arguments])
    with pytest.raises(DatabaseError, match="there is no such file"):
        main()
    assert not missing.exists()


def _note(seen: list[str], network: str) -> str:
    seen.append(network)
    return "none"


def test_the_prior_has_not_seen_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toys = [record_toy(trials=20, network=network) for network in ("anet", "bnet", "anet")]
    given: list[list[str]] = []

    def learn(recordings: list[Recording]) -> Prior:
        given.append([recording.network for recording in recordings])
        return shipped_prior()

    monkeypatch.setattr(tune_budget, "load_recordings", lambda _folder: toys)
    monkeypatch.setattr(tune_budget, "recorded_prior", learn)
    first, again = (others_prior("bnet", tmp_path) for _ in range(2))
    assert given == [["anet", "anet"]]
    assert first == again
    assert Prior.load(Path(first)).header == shipped_prior().header
