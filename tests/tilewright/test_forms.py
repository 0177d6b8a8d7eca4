"""A network whose convolutions have Winograd forms: all are tuned, the fastest is compiled, a limit on the error leaves the direct ones."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

import tilewright as tw
from compiler.graph import workload_variants
from compiler.target import Target
from compiler.workload import Workload
from measure import MeasureStatus, describe_host
from tests.tilewright.models import save_model, value
from tilewright.resolve_target import resolve_target
from tuner import Event, SessionStarted, TaskResult, TrialDone

CHANNELS, SIZE = 32, 12
SHAPE = (1, 3, SIZE, SIZE)
TOLERANCE = 1e-4  # of the largest output


def save_residual_net(path: Path) -> Path:
    """Stem, a block of two convolutions with a shortcut, average: four kernels, of which two have forms."""
    rng = np.random.default_rng(0)

    def weight(out: int, before: int) -> NDArray[Any]:
        return (rng.standard_normal((out, before, 3, 3)) * (2 / (9 * before)) ** 0.5).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["c0"], pads=[1] * 4),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1", "b1"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1] * 4),
        helper.make_node("Add", ["c2", "r0"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["y"]),
    ]
    weights = {"w0": weight(CHANNELS, 3), "w1": weight(CHANNELS, CHANNELS), "w2": weight(CHANNELS, CHANNELS)}
    bias = rng.standard_normal(CHANNELS).astype(np.float32)
    return save_model(path, nodes, [value("x", SHAPE)], "y", **weights, b1=bias)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_residual_net(tmp_path_factory.mktemp("model") / "residual.onnx")


@pytest.fixture(scope="module")
def target() -> Target:
    return resolve_target("host", 1)


def forms_of(network: Path, target: Target, max_rel_error: float = 1.0) -> dict[Workload, tuple[Workload, ...]]:
    return {workload: workload_variants(workload, target, max_rel_error) for workload in tw.load(network).workloads(target)}


def tune(network: Path, database: tw.Database, trials: int, **options: Any) -> list[TaskResult]:
    """The tasks of the session."""
    events: list[Event] = []
    tw.tune(tw.load(network), database=database, trials=trials, threads=1, tuner="random", on_event=events.append, **options)
    started, *_ = events
    assert isinstance(started, SessionStarted)
    assert {event.task for event in events if isinstance(event, TrialDone)} == set(range(len(started.tasks)))
    return list(started.tasks)


def check_outputs(executable: tw.Executable, network: Path) -> None:
    x = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx.load(network).SerializeToString(), options, providers=["CPUExecutionProvider"])
    (want,) = session.run(None, {"x": x})
    (got,) = executable.run({"x": x})
    assert np.abs(got - want).max() <= TOLERANCE * np.abs(want).max()


def kinds(executable: tw.Executable) -> list[str]:
    return sorted(kernel.workload.partition("+")[0].partition(" ")[0].partition("[")[0] for kernel in executable.kernels)


def test_without_records_the_predicted_forms_are_used(network: Path) -> None:
    executable = tw.compile(tw.load(network), threads=1)
    assert kinds(executable) == ["conv2d", "global_average_pool", "winograd_conv2d", "winograd_conv2d"]
    check_outputs(executable, network)
    direct = tw.compile(tw.load(network), threads=2, max_rel_error=0.0)
    assert kinds(direct) == ["conv2d", "conv2d", "conv2d", "global_average_pool"]
    check_outputs(direct, network)


def test_every_form_is_tuned_and_the_fastest_compiled(network: Path, database: tw.Database, target: Target) -> None:
    variants = forms_of(network, target)
    forms = [form for each in variants.values() for form in each]
    assert len(forms) > len(variants) + 1
    tasks = tune(network, database, trials=len(forms) + 8)
    assert len(tasks) == len(forms)
    device = describe_host()
    secs: dict[Workload, float] = {}
    for form in forms:
        records = database.records(form, target, device)
        assert records
        assert not {record.measurement.status for record in records} & {MeasureStatus.WRONG_ANSWER, MeasureStatus.CRASH}
        best = database.best_record(form, target, device)
        assert best is not None
        assert best.verification.passed
        assert best.verification.max_error < best.verification.tolerance
        secs[form] = best.cost_secs
    executable = tw.compile(tw.load(network), database=database, threads=1)
    wanted = {min(each, key=secs.__getitem__).key for each in variants.values()}
    assert {kernel.workload_key for kernel in executable.kernels} == wanted
    assert all(kernel.schedule_source.startswith("record") for kernel in executable.kernels)
    check_outputs(executable, network)


def test_a_limit_on_the_error_holds_while_tuning_and_compiling(network: Path, database: tw.Database, target: Target) -> None:
    workloads = list(forms_of(network, target))
    tasks = tune(network, database, trials=len(workloads), max_rel_error=0.0)
    assert len(tasks) == len(workloads)
    assert {record.workload for record in database.records()} == set(workloads)
    executable = tw.compile(tw.load(network), database=database, threads=1, max_rel_error=0.0)
    assert {kernel.workload_key for kernel in executable.kernels} == {workload.key for workload in workloads}
    assert all(kernel.schedule_source.startswith("record") for kernel in executable.kernels)
    check_outputs(executable, network)
