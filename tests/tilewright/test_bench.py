"""`tilewright bench`, and the libraries it compares with."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import tilewright as tw
from compiler.tensor_type import INT64, TensorType
from tests.tilewright.conftest import Command
from tests.tilewright.models import example_input, save_model, save_relu, value
from tilewright import compare_libraries
from tilewright.compare_libraries import largest_error, prepare_peers, random_inputs, with_static_inputs
from tilewright.peers import PEERS, MissingPeer, PeerError, load_peer, plain_graph, registry, time_calls


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are not what is tested."""
    monkeypatch.setattr(compare_libraries, "VISIT_SECS", 1e-4)


@pytest.fixture
def only_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the other libraries are not installed."""
    known = importlib.import_module

    def import_module(name: str) -> ModuleType:
        if name.endswith(("openvino_peer", "torch_peer", "ncnn_peer", "mnn_peer")):
            raise ModuleNotFoundError(name)
        return known(name)

    monkeypatch.setattr(registry.importlib, "import_module", import_module)


@pytest.mark.usefixtures("only_onnxruntime")
def test_tuned_and_untuned_beside_what_is_installed(command: Command, classifier: Path, tuned_url: str) -> None:
    done = command("bench", classifier, "--db", tuned_url, "--threads", "1,2", "-f", "json")
    assert (done.code, done.err) == (0, "")
    report: dict[str, Any] = json.loads(done.out)
    names = ["tilewright tuned", "tilewright untuned", "onnxruntime"]
    assert [(row["threads"], row["library"]) for row in report["rows"]] == [(threads, name) for threads in (1, 2) for name in names]
    assert all(0 < row["minimum_ms"] <= row["median_ms"] and row["difference"] < 1e-5 for row in report["rows"])
    assert report["rows"][0]["ratio"] == 1
    assert report["left_out"] == {
        "openvino": "openvino is not installed: pip install openvino",
        "torch": "torch is not installed: pip install torch --index-url https://download.pytorch.org/whl/cpu",
        "ncnn": "ncnn is not installed: pip install ncnn pnnx",
        "mnn": "mnn is not installed: pip install MNN",
    }
    assert report["notes"] == [
        "tilewright tuned, 1 thread: 3 of 3 kernel calls have records",
        "tilewright tuned, 2 threads: 0 of 3 kernel calls have records",
    ]


@pytest.mark.usefixtures("only_onnxruntime")
def test_a_table_for_people(command: Command, tmp_path: Path, classifier: Path) -> None:
    np.savez(tmp_path / "x.npz", x=example_input())
    done = command("bench", classifier, "--against", "torch,onnxruntime", "--threads", "1", "--inputs", tmp_path / "x.npz")
    lines = done.out.splitlines()
    assert lines[0].startswith("classifier on ")
    assert lines[1] == "1 thread; difference from onnxruntime"
    assert [line.split("|")[1].strip() for line in lines[2:6]] == ["library", "-" * 20, "tilewright untuned", "onnxruntime"]
    assert "left out: torch is not installed: pip install torch" in done.out


def test_a_compiled_library(command: Command, tmp_path: Path, classifier: Path) -> None:
    library = tmp_path / "model.so"
    command("compile", classifier, "-o", library, "--threads", 1)
    report = json.loads(command("bench", library, "--threads", "1,2", "-f", "json").out)
    assert [(row["threads"], row["library"]) for row in report["rows"]] == [(1, "tilewright"), (2, "tilewright")]
    assert json.loads(command("bench", library, "-f", "json").out)["rows"][0]["threads"] == 1


def test_names_that_are_not_known(command: Command, classifier: Path) -> None:
    assert "unknown library 'tvm'; known: onnxruntime, openvino, torch" in command("bench", classifier, "--against", "tvm").complaint
    assert "'1,many' is not a list of positive numbers such as 1,2" in command("bench", classifier, "--threads", "1,many").complaint
    with pytest.raises(KeyError, match="unknown peer 'tvm'; known: onnxruntime, openvino, torch"):
        load_peer("tvm")


@pytest.mark.parametrize("name", list(PEERS))
def test_installed_peers_agree_with_us(classifier: Path, name: str) -> None:
    try:
        peer = load_peer(name)
    except MissingPeer as missing:
        pytest.skip(str(missing))
    model = tw.load(classifier)
    prepared = peer.prepare(onnx.load(classifier), 1)
    (output,) = prepared.run({"x": example_input()})
    (ours,) = tw.compile(model, threads=1).run({"x": example_input()})
    np.testing.assert_allclose(output, ours, rtol=1e-4, atol=1e-5)
    assert len(prepared.time({"x": example_input()}, 3)) == 3
    prepared.close()
    assert peer.version()


def test_a_model_that_a_peer_cannot_run_is_left_out(tmp_path: Path) -> None:
    node = helper.make_node("Frobnicate", ["x"], ["y"], name="only")
    path = save_model(tmp_path / "model.onnx", [node], [value("x", (1,))], "y")
    prepared, versions, left_out = prepare_peers(path, {}, ["onnxruntime"], 1)
    assert prepared == {}
    assert list(versions) == ["onnxruntime"]
    assert left_out["onnxruntime"].startswith("onnxruntime cannot run this model: ")
    assert "\n" not in left_out["onnxruntime"]


def test_open_dimensions_are_closed(tmp_path: Path) -> None:
    path = save_relu(tmp_path / "model.onnx", ("batch", 3, "height", 8))
    model = tw.load(path, shapes={"x": (2, 3, 4, 8)})
    static = with_static_inputs(onnx.load(path), model.inputs)
    assert [dim.dim_value for dim in static.graph.input[0].type.tensor_type.shape.dim] == [2, 3, 4, 8]
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_errors_are_relative_to_the_largest_value() -> None:
    wanted = [np.array([0.0, -4.0]), np.array([1, 2])]
    assert largest_error([np.array([0.0, -3.0]), np.array([1, 2])], wanted) == 0.25
    assert largest_error(wanted, wanted) == 0
    assert largest_error([np.array([0.5])], [np.array([0.0])]) == 0.5
    assert largest_error([np.zeros(0)], [np.zeros(0)]) == 0


def test_random_inputs_suit_any_model() -> None:
    inputs = random_inputs({"x": TensorType((2, 3)), "index": TensorType((4,), INT64)})
    assert (inputs["x"].shape, inputs["x"].dtype) == ((2, 3), np.float32)
    np.testing.assert_array_equal(inputs["index"], np.zeros(4, np.int64))


def test_the_plain_graph_takes_constants_in(tmp_path: Path) -> None:
    shape = helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [3, 2])
    nodes = [helper.make_node("Constant", [], ["s"], value=shape), helper.make_node("Reshape", ["x", "s"], ["y"])]
    graph = plain_graph(onnx.load(save_model(tmp_path / "model.onnx", nodes, [value("x", (2, 3))], "y")))
    assert [node.op for node in graph.nodes] == ["Reshape"]
    np.testing.assert_array_equal(graph.weights["s"], [3, 2])
    assert graph.inputs == {"x": (2, 3)}
    split = [helper.make_node("Split", ["x"], ["y", "z"], name="halves", num_outputs=2)]
    with pytest.raises(PeerError, match="Split 'halves' has 2 outputs"):
        plain_graph(onnx.load(save_model(tmp_path / "model.onnx", split, [value("x", (2, 4))], "y")))


def test_calls_are_timed_after_one_that_is_not() -> None:
    calls: list[int] = []
    assert len(time_calls(lambda: calls.append(1), 4)) == 4
    assert len(calls) == 5
