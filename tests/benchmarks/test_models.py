"""The table of networks, on invented times and with peers that are not installed; one small network for real."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from benchmarks import models
from benchmarks.model_goals import UNTUNED_GOALS
from benchmarks.model_tables import ModelRow, scaling_table
from benchmarks.models import installed_peers, main, measure_model, relative_error
from benchmarks.network_builder import NetworkBuilder
from benchmarks.peers import load_peer
from benchmarks.peers.tilewright_peer import TilewrightPeer
from records_db import DatabaseError
from tilewright.interleave import Timing
from tilewright.peers import PeerError, Prepared


def row(threads: int, ours: float, theirs: float, error: float = 1e-6) -> ModelRow:
    timings = {"tilewright": Timing((ours, 2 * ours, 2 * ours)), "onnxruntime": Timing((theirs,) * 3)}
    return ModelRow(network="net", threads=threads, timings=timings, errors={"tilewright": error, "onnxruntime": 0.0})


def test_a_database_that_is_not_there_is_no_tuned_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = tmp_path / "tuned.db"
    monkeypatch.setattr(models, "installed_peers", lambda *_: ([SimpleNamespace(name="onnxruntime")], {}))
    monkeypatch.setattr(sys, "argv", ["models", "--quick", "--db", f"sqlite:///{missing}"])
    with pytest.raises(DatabaseError, match="there is no such file"):
        main()
    assert not missing.exists()


def test_peers_that_are_faster_are_marked() -> None:
    assert [str(cell) for cell in row(1, 0.010, 0.012).time_cells(["onnxruntime"])] == ["net", "10.0", "20.0", "50%", "12.0 = 1.20x"]
    slower = row(1, 0.010, 0.008, error=1e-3)
    assert [str(cell) for cell in slower.time_cells(["onnxruntime", "mnn"])][-2:] == ["8.00 = 0.80x (*)", "-"]
    assert [str(cell) for cell in slower.error_cells(["onnxruntime", "mnn"])] == ["net", "1", "1e-03 (*)", "0e+00", "-"]


def test_scaling_is_compared_with_the_best() -> None:
    rows = [row(1, 0.010, 0.010), row(2, 0.006, 0.005)]
    assert "| net            |  1.67x (*) |       2.00x |" in scaling_table(rows, ["tilewright", "onnxruntime"])


def test_errors_are_relative_to_the_largest_output() -> None:
    assert relative_error(np.array([1.0, -4.0]), np.array([1.5, -5.0])) == pytest.approx(0.2)


def test_missing_peers_are_named_not_fatal(capsys: pytest.CaptureFixture[str]) -> None:
    peers, versions = installed_peers(["onnxruntime", "mxnet"], None)
    assert [peer.name for peer in peers] == ["onnxruntime"]
    assert versions["mxnet"] == "left out"
    assert "left out: mxnet needs an environment of its own" in capsys.readouterr().err


def test_a_small_network_side_by_side() -> None:
    net = NetworkBuilder("small", seed=1)
    x = net.relu(net.batch_norm(net.conv(net.input((1, 3, 12, 12)), 8, 3, 2)))
    model: onnx.ModelProto = net.finish(net.softmax(net.dense(net.flatten(net.global_average_pool(x)), 5)))
    measured = measure_model("small", model, [TilewrightPeer(), load_peer("onnxruntime")], threads=1, rounds=2, calls=2)
    assert measured.errors["tilewright"] < 1e-4
    assert {name: len(timing.secs) for name, timing in measured.timings.items()} == {"tilewright": 4, "onnxruntime": 4}
    assert json.loads(json.dumps(measured.to_json(UNTUNED_GOALS)))["libraries"]["onnxruntime"]["error"] == 0.0


class Refusing:
    """A library that cannot run anything."""

    name = "mnn"

    def version(self) -> str:
        return "0"

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        raise PeerError(f"no conversion of {model.graph.name}\non {threads} threads")


def test_a_library_that_cannot_run_a_network_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    net = NetworkBuilder("tiny", seed=1)
    model = net.finish(net.relu(net.conv(net.input((2, 3, 6, 6)), 4, 3)))
    measured = measure_model("tiny", model, [TilewrightPeer(), load_peer("onnxruntime"), Refusing()], threads=1, rounds=1, calls=1)
    assert list(measured.timings) == ["tilewright", "onnxruntime"]
    assert measured.batch == 2
    assert "tiny: without mnn: no conversion of tiny on 1 threads" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trials", "8"], "--trials needs a database"),
        (["--trials", "8", "--db", "sqlite://", "--untuned"], "--trials needs a database"),
        (["--batch", "0"], "at least one image is needed"),
        (["--threads", "none"], "is not a list of positive numbers"),
    ],
)
def test_wrong_options_are_explained(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks.models", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert message in capsys.readouterr().err
