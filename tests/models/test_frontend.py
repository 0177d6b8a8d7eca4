"""Real models through the ONNX frontend: their graphs, evaluated by the numpy references, compute what onnxruntime computes."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from compiler.frontends.onnx import load_onnx
from compiler.graph import Graph, evaluate, verify_graph
from tests.models.real_models import LIGHT_MODELS, TRAINED_MODELS, FetchError, RealModel, with_seeded_weights

TOLERANCE = 1e-4


def parameters(models: tuple[RealModel, ...]) -> list[Any]:
    marks = {model.name: [pytest.mark.slow] * model.slow + [pytest.mark.needs_network] * model.needs_network for model in models}
    return [pytest.param(model, id=model.name, marks=marks[model.name]) for model in models]


def fetched(model: RealModel) -> onnx.ModelProto:
    try:
        return model.load()
    except FetchError as error:
        pytest.skip(str(error))


def input_types(graph: Graph) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    return {name: (graph.types[name].shape, graph.types[name].dtype) for name in graph.inputs}


def check(proto: onnx.ModelProto, model: RealModel) -> None:
    graph = load_onnx(proto, model.shapes)
    verify_graph(graph)
    inputs = model.inputs(input_types(graph))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert graph.outputs == tuple(output.name for output in session.get_outputs())
    for name, ours, theirs in zip(graph.outputs, evaluate(graph, inputs), session.run(None, inputs), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE * float(np.abs(theirs).max()), err_msg=name)


@pytest.mark.parametrize("model", parameters(LIGHT_MODELS))
def test_light_model(model: RealModel) -> None:
    check(fetched(model), model)


@pytest.mark.parametrize("model", parameters(LIGHT_MODELS))
def test_light_model_with_seeded_weights(model: RealModel) -> None:
    check(with_seeded_weights(fetched(model)), model)


@pytest.mark.parametrize("model", parameters(TRAINED_MODELS))
def test_trained_model(model: RealModel) -> None:
    check(fetched(model), model)


@pytest.mark.needs_network
def test_a_sine_of_440_hz_is_note_69() -> None:
    (model,) = (each for each in TRAINED_MODELS if each.name == "basic_pitch")
    graph = load_onnx(fetched(model), model.shapes)
    ((name, (shape, dtype)),) = input_types(graph).items()
    sine = np.sin(2 * np.pi * 440 / 22050 * np.arange(shape[1])).astype(dtype).reshape(shape)
    outputs = dict(zip(graph.outputs, evaluate(graph, {name: 0.5 * sine}), strict=True))
    lowest_note = 21
    assert lowest_note + outputs["StatefulPartitionedCall:1"][0].mean(axis=0).argmax() == 69
