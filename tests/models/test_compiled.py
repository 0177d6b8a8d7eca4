"""Real models compiled to machine code compute what onnxruntime computes: by default schedules, and by schedules drawn from the spaces."""

from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from compiler.driver import NoSchedules, ObjectCache, ScheduleSource, compile_model
from compiler.frontends.onnx import load_onnx
from compiler.graph import Graph
from compiler.runtime import Executable
from compiler.target import Target
from schedule_space import default_schedule
from tests.conformance.drawn_schedules import DrawnSchedules, refused_kernels
from tests.conformance.native_check import targets
from tests.models.real_models import LIGHT_MODELS, TRAINED_MODELS, FetchError, RealModel, with_seeded_weights

Array = NDArray[Any]

HOST = Target.parse("host")
TOLERANCE = 1e-4  # of the output's largest value
SLOW = frozenset(
    {"light_bvlc_alexnet", "light_densenet121", "light_inception_v1", "light_inception_v2", "light_resnet50", "light_vgg19"}
    | {"light_zfnet512", "basic_pitch", "ocr_det", "open_nsfw"}
)
VARIED = [model for model in LIGHT_MODELS + TRAINED_MODELS if model.name in ("light_squeezenet", "light_shufflenet", "ocr_cls", "ocr_det")]
DRAWS = 4


def fetched(model: RealModel) -> onnx.ModelProto:
    try:
        return model.load()
    except FetchError as error:
        pytest.skip(str(error))


def expected_outputs(proto: onnx.ModelProto, inputs: dict[str, Array]) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def check_outputs(executable: Executable, inputs: dict[str, Array], expected: list[Array]) -> None:
    for item, ours, theirs in zip(executable.outputs, executable.run(inputs), expected, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * float(np.abs(theirs).max()), err_msg=item.name)


def compiled(graph: Graph, source: ScheduleSource[None], threads: int, target: Target = HOST) -> Executable:
    return compile_model(graph, target, source, device=None, default_schedule=default_schedule, threads=threads, cache=ObjectCache())


def inputs_of(graph: Graph, model: RealModel, seed: int = 0) -> dict[str, Array]:
    return model.inputs({name: (graph.types[name].shape, graph.types[name].dtype) for name in graph.inputs}, seed)


def check_model(proto: onnx.ModelProto, model: RealModel, sources: Sequence[tuple[ScheduleSource[None], int]]) -> None:
    """sources: of schedules, each with the number of threads to compile for."""
    graph = load_onnx(proto, model.shapes)
    inputs = inputs_of(graph, model)
    expected = expected_outputs(proto, inputs)
    for source, threads in sources:
        executable = compiled(graph, source, threads)
        assert refused_kernels(executable) == []
        check_outputs(executable, inputs, expected)
        for arena in executable._arenas:
            arena.fill(0xFF)  # not-a-numbers, where the first run left zeros
        check_outputs(executable, inputs, expected)


def with_marks(models: Sequence[RealModel], slow: Container[str] = SLOW) -> list[Any]:
    marks = {model.name: [pytest.mark.slow] * (model.name in slow) + [pytest.mark.needs_network] * model.needs_network for model in models}
    return [pytest.param(model, id=model.name, marks=marks[model.name]) for model in models]


@pytest.mark.parametrize("model", with_marks(LIGHT_MODELS))
def test_light_model(model: RealModel) -> None:
    """As shipped, and with random weights, which make the same kernels."""
    proto = model.load()
    for each in (proto, with_seeded_weights(proto)):
        check_model(each, model, [(NoSchedules(), 1), (NoSchedules(), 2)])


@pytest.mark.parametrize("model", with_marks(TRAINED_MODELS))
def test_trained_model(model: RealModel) -> None:
    check_model(fetched(model), model, [(NoSchedules(), 1), (NoSchedules(), 2)])


def test_a_saved_model_and_calls_at_once(tmp_path: Path) -> None:
    """The library that `save` writes gives the same bits, also to several callers at the same time."""
    (model,) = (each for each in LIGHT_MODELS if each.name == "light_squeezenet")
    graph = load_onnx(with_seeded_weights(model.load()), model.shapes)
    executable = compiled(graph, NoSchedules(), 2)
    batches = [inputs_of(graph, model, seed) for seed in range(6)]
    expected = [executable.run(inputs) for inputs in batches]
    executable.save(tmp_path / "model.so")
    loaded = Executable.load(tmp_path / "model.so")
    for each in (executable, loaded):
        with ThreadPoolExecutor(3) as callers:
            for ours, theirs in zip(callers.map(each.run, batches), expected, strict=True):
                for got, want in zip(ours, theirs, strict=True):
                    np.testing.assert_array_equal(got, want)


@pytest.mark.slow
@pytest.mark.parametrize("target", [name for name in targets() if name != "host"])
@pytest.mark.parametrize("model", with_marks(VARIED, ()))
def test_other_targets(model: RealModel, target: str) -> None:
    proto = fetched(model)
    proto = proto if model.package else with_seeded_weights(proto)
    graph = load_onnx(proto, model.shapes)
    inputs = inputs_of(graph, model)
    check_outputs(compiled(graph, NoSchedules(), 2, targets()[target]), inputs, expected_outputs(proto, inputs))


@pytest.mark.slow
@pytest.mark.parametrize("draw", range(DRAWS))
@pytest.mark.parametrize("model", with_marks(VARIED, ()))
def test_drawn_schedules(model: RealModel, draw: int) -> None:
    proto = fetched(model)
    threads = 1 + draw % 2
    check_model(proto if model.package else with_seeded_weights(proto), model, [(DrawnSchedules(draw, threads), threads)])
