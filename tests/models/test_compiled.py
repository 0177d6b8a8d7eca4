"""Real models compiled to machine code compute what onnxruntime computes: by default schedules, and by schedules drawn from the spaces."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from compiler.driver import NoSchedules, ObjectCache, ScheduleChoice, compile_model
from compiler.frontends.onnx import load_onnx
from compiler.graph import Graph
from compiler.runtime import Executable
from compiler.target import Target
from compiler.workload import Workload
from schedule_space import default_schedule, space_for
from tests.models.real_models import LIGHT_MODELS, TRAINED_MODELS, FetchError, RealModel, with_seeded_weights

Array = NDArray[Any]

TOLERANCE = 1e-4  # of the output's largest value


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


def check(executable: Executable, inputs: dict[str, Array], expected: list[Array]) -> None:
    for item, ours, theirs in zip(executable.outputs, executable.run(inputs), expected, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * float(np.abs(theirs).max()), err_msg=item.name)


def check_default_schedules(proto: onnx.ModelProto, model: RealModel) -> None:
    graph = load_onnx(proto, model.shapes)
    inputs = model.inputs({name: (graph.types[name].shape, graph.types[name].dtype) for name in graph.inputs})
    expected = expected_outputs(proto, inputs)
    for threads in (1, 2):
        executable = compile_model(
            graph,
            Target.parse("host"),
            NoSchedules(),
            device=None,
            default_schedule=default_schedule,
            threads=threads,
            cache=ObjectCache(),
        )
        check(executable, inputs, expected)
        check(executable, inputs, expected)
