"""Real models compiled to machine code compute what onnxruntime computes: by default schedules, and by schedules drawn from the spaces."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from compiler.driver import NoSchedules, ObjectCache, compile_model
from compiler.frontends.onnx import load_onnx
from compiler.runtime import Executable
from compiler.target import Target
from schedule_space import default_schedule
from tests.models.real_models import FetchError, RealModel

Array = NDArray[Any]

TOLERANCE = 1e-4  # of the output's largest value
HOST = Target.parse("host")
SLOW = frozenset({"light_bvlc_alexnet", "light_densenet121", "light_inception_v1", "light_inception_v2", "light_resnet50", "light_vgg19"})
DRAWN = tuple(
    model for model in LIGHT_MODELS + TRAINED_MODELS if model.name in ("light_squeezenet", "light_shufflenet", "ocr_cls", "ocr_det")
)


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


class RandomSchedules:
    """Instead of a database: for each workload a candidate drawn from its space."""

    def __init__(self, seed: int, threads: int) -> None:
        self.seed, self.threads = seed, threads

    def best_schedule(self, workload: Workload, target: Target, device: None) -> ScheduleChoice:  # noqa: ARG002 - the protocol
        space = space_for(workload, target, self.threads)
        rng = np.random.default_rng([self.seed, int(workload.key[:8], 16)])
        (candidate,) = space.sample(rng, 1) or [space.default()]
        return ScheduleChoice(space.schedule(candidate), f"drawn {candidate.key}")


def check_model(proto: onnx.ModelProto, model: RealModel, sources: Sequence[ScheduleSource[None]], threads: Sequence[int]) -> None:
    graph = load_onnx(proto, model.shapes)
    inputs = model.inputs({name: (graph.types[name].shape, graph.types[name].dtype) for name in graph.inputs})
    expected = expected_outputs(proto, inputs)
    for source, count in zip(sources, threads, strict=True):
        executable = compile_model(graph, HOST, source, device=None, default_schedule=default_schedule, threads=count, cache=ObjectCache())
        failed = [kernel for kernel in executable.kernels if "failed" in kernel.schedule_source]
        assert not failed, f"{failed[0].workload}: {failed[0].schedule_source}"
        for _ in range(2):  # the second run finds the first one's numbers in its memory
            check_outputs(executable, inputs, expected)


def with_marks(models: Sequence[RealModel], slow: Container[str]) -> list[Any]:
    marks = {model.name: [pytest.mark.slow] * (model.name in slow) + [pytest.mark.needs_network] * model.needs_network for model in models}
    return [pytest.param(model, id=model.name, marks=marks[model.name]) for model in models]


@pytest.mark.parametrize("model", with_marks(LIGHT_MODELS, SLOW))
def test_light_model(model: RealModel) -> None:
    check_model(fetched(model), model, [NoSchedules()] * 2, (1, 2))


@pytest.mark.parametrize("model", with_marks(LIGHT_MODELS, SLOW))
def test_light_model_with_seeded_weights(model: RealModel) -> None:
    check_model(with_seeded_weights(fetched(model)), model, [NoSchedules()] * 2, (1, 2))


@pytest.mark.parametrize("model", with_marks(TRAINED_MODELS, SLOW))
def test_trained_model(model: RealModel) -> None:
    check_model(fetched(model), model, [NoSchedules()] * 2, (1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("model", with_marks(DRAWN, ()))
def test_drawn_schedules(model: RealModel) -> None:
    proto = fetched(model)
    proto = proto if model.package else with_seeded_weights(proto)
    check_model(proto, model, [RandomSchedules(seed, 1 + seed % 2) for seed in range(4)], (1, 2, 1, 2))
