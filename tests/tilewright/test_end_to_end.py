"""Load, tune, compile, run: the twelve lines of the README, on a small model."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import tilewright as tw
from tests.tilewright.conftest import TRIALS
from tests.tilewright.models import example_input
from tuner import Event, SessionStarted, StopReason, TrialDone


def reference(path: Path) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx.load(path).SerializeToString(), options, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"x": example_input()})
    return np.asarray(output)


def test_without_a_database_the_default_schedules_are_used(classifier: Path) -> None:
    executable = tw.compile(tw.load(classifier), threads=1)
    (output,) = executable.run({"x": example_input()})
    np.testing.assert_allclose(output, reference(classifier), rtol=1e-4, atol=1e-5)
    assert {kernel.schedule_source for kernel in executable.kernels} == {"default"}
    assert executable.threads == 1


def test_tuned_and_compiled_from_records(classifier: Path, tuned_url: str) -> None:
    with tw.Database(tuned_url) as database:
        executable = tw.compile(tw.load(classifier), target="host", database=database, threads=1)
    (output,) = executable.run({"x": example_input()})
    np.testing.assert_allclose(output, reference(classifier), rtol=1e-4, atol=1e-5)
    assert [kernel.schedule_source.partition(",")[0][:6] for kernel in executable.kernels] == ["record"] * 3
    assert all(kernel.expected_secs for kernel in executable.kernels)


def test_a_second_session_goes_on_where_the_first_one_stopped(classifier: Path, database: tw.Database) -> None:
    model = tw.load(classifier)
    events: list[Event] = []
    first = tw.tune(model, database=database, trials=TRIALS, threads=1, tuner="random")
    second = tw.tune(model, database=database, trials=TRIALS, threads=1, tuner="random", on_event=events.append)
    started, *_ = events
    assert isinstance(started, SessionStarted)
    assert sum(task.known for task in started.tasks) == TRIALS
    assert (first.stop, second.stop) == (StopReason.TRIALS, StopReason.TRIALS)
    tried = [(event.task, event.candidate) for event in events if isinstance(event, TrialDone)]
    assert len(tried) == TRIALS
    keys = [(record.workload, record.key) for record in database.records(session=first.session)]
    again = {(record.workload, record.key) for record in database.records(session=second.session) if record.trial < TRIALS}
    assert len(set(keys)) == TRIALS
    assert sum(database.status_counts().values()) >= 2 * TRIALS
    assert len(again | set(keys)) == 2 * TRIALS


def test_other_threads_are_another_task(classifier: Path, tuned_url: str) -> None:
    with tw.Database(tuned_url) as database:
        executable = tw.compile(tw.load(classifier), database=database, threads=2)
    assert {kernel.schedule_source for kernel in executable.kernels} == {"default"}


def test_what_a_model_says_of_itself(classifier: Path) -> None:
    model = tw.load(classifier)
    assert str(model) == "classifier (x: float32[1, 3, 16, 16]) -> (y: float32[1, 10])"
    assert tw.load(classifier.read_bytes()).name == "classifier"
    workloads = model.workloads(tw.Target.parse("host"))
    assert sorted(workload.ops[workload.anchor].op for workload in workloads) == ["conv2d", "global_average_pool", "matmul"]
    assert set(workloads.values()) == {1}


def test_contradictions_are_refused(classifier: Path, database: tw.Database) -> None:
    model = tw.load(classifier)
    with pytest.raises(ValueError, match="until is 95; it is a share"):
        tw.tune(model, database=database, until=95)
    with pytest.raises(ValueError, match="unknown tuner 'sgd'; known: "):
        tw.tune(model, database=database, tuner="sgd")
    with pytest.raises(tw.TilewrightError, match="threads=0: at least 1 is needed"):
        tw.compile(model, threads=0)
    with pytest.raises(tw.TilewrightError, match="cannot be timed on this machine"):
        tw.tune(model, target="pi3b", database=database)
    assert database.sessions() == []
