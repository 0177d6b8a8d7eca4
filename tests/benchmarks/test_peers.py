"""Every peer that is installed computes what onnxruntime computes, on a small network with every layer that the networks use."""

import numpy as np
import onnx
import pytest

from benchmarks.network_builder import NetworkBuilder
from benchmarks.peers import PEERS, load_peer
from tilewright.peers import MissingPeer, Peer, plain_graph, time_calls


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    net = NetworkBuilder("every_layer", seed=3)
    x = net.relu(net.batch_norm(net.conv(net.input((2, 3, 17, 15)), 8, 3, 2)))
    y = net.relu6(net.batch_norm(net.conv(x, 8, 3, groups=8)))
    x = net.concat(net.add(x, y), net.conv(x, 4, 1, bias=True))
    x = net.average_pool(net.local_response_norm(net.max_pool(x, 3, 2, ceil=True)), 2, 1)
    return net.finish(net.softmax(net.dense(net.flatten(net.global_average_pool(x)), 10)))


@pytest.fixture(params=[name for name in PEERS if name != "onnxruntime"])
def peer(request: pytest.FixtureRequest) -> Peer:
    try:
        return load_peer(request.param)
    except MissingPeer as missing:
        pytest.skip(str(missing))


DATA = {"data": np.random.default_rng(0).standard_normal((2, 3, 17, 15)).astype(np.float32)}


@pytest.mark.parametrize("threads", [1, 2])
def test_onnxruntime_runs_and_times(model: onnx.ModelProto, threads: int) -> None:
    peer = load_peer("onnxruntime")
    prepared = peer.prepare(model, threads)
    (output,) = prepared.run(DATA)
    np.testing.assert_allclose(output.sum(axis=1), 1, rtol=1e-5)
    secs = prepared.time(DATA, 3)
    prepared.close()
    assert len(secs) == 3
    assert min(secs) > 0
    assert peer.version()


def test_peers_agree(model: onnx.ModelProto, peer: Peer) -> None:
    reference = load_peer("onnxruntime").prepare(model, 1).run(DATA)
    prepared = peer.prepare(model, 1)
    outputs = prepared.run(DATA)
    secs = prepared.time(DATA, 2)
    prepared.close()
    assert len(secs) == 2
    assert len(outputs) == len(reference)
    np.testing.assert_allclose(outputs[0], reference[0], rtol=1e-4, atol=1e-5)


def test_missing_peers_say_how_to_get_them() -> None:
    with pytest.raises(MissingPeer, match=r"mxnet needs an environment of its own: .*--mxnet-python"):
        load_peer("mxnet")
    with pytest.raises(MissingPeer, match="mxnet does not start with /nowhere/python"):
        load_peer("mxnet", "/nowhere/python").version()
    with pytest.raises(KeyError, match="unknown peer 'tvm'; known: onnxruntime, openvino, torch, mxnet"):
        load_peer("tvm")


def test_the_plain_graph_holds_everything(model: onnx.ModelProto) -> None:
    graph = plain_graph(model)
    assert graph.inputs == {"data": (2, 3, 17, 15)}
    assert graph.outputs == ("output",)
    assert [node.op for node in graph.nodes][:4] == ["Conv", "BatchNormalization", "Relu", "Conv"]
    assert graph.nodes[0].attributes == {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "group": 1}
    assert graph.weights[graph.nodes[0].inputs[1]].shape == (8, 3, 3, 3)
    assert len(graph.weights) == len(model.graph.initializer)


def test_calls_are_timed_after_one_that_is_not() -> None:
    calls: list[int] = []
    assert len(time_calls(lambda: calls.append(1), 4)) == 4
    assert len(calls) == 5
