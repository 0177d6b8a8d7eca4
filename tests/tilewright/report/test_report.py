"""The report's numbers, out of sessions that were made up."""

from datetime import timedelta

import pytest

from measure import MeasureStatus, describe_host
from records_db import Database, DatabaseError
from tests.tilewright.kernel_workloads import convolution, dense
from tests.tilewright.report.made_records import NASTY, add_session
from tilewright.report import make_report, read_tune_data

SMALL, LARGE = dense(32, 48), dense(64, 96)
DIRECT, WINOGRAD = convolution((16, 32), 14, 3), convolution((16, 32), 14, 3, tile=(2, 2))


def test_an_empty_database_has_nothing_to_tell() -> None:
    with Database("sqlite://") as database:
        report = make_report(database, ceiling=False)
    assert (report.data.trials, report.kernels, report.model_times, report.predictions.trials) == (0, [], [], ())


def test_an_unknown_session_is_refused() -> None:
    with Database("sqlite://") as database:
        add_session(database, [SMALL], [1e-3])
        with pytest.raises(DatabaseError, match="has no session 7; it has: 1"):
            read_tune_data(database, 7)


def test_tasks_stand_by_their_share_of_the_model() -> None:
    weights = {SMALL.key: 10.0, LARGE.key: 1.0}
    with Database("sqlite://") as database:
        add_session(database, [SMALL, LARGE], [2e-3, None, 1e-3], weights=weights)
        data = read_tune_data(database)
    assert data.weighted
    assert [(task.records[0].workload, task.weight, task.best_secs, task.failed) for task in data.tasks] == [
        (SMALL, 10.0, 1e-3, 1),
        (LARGE, 1.0, 1e-3, 1),
    ]
    assert (data.trials, data.failed) == (6, 2)
    ((kind),) = data.errors
    assert (kind.status, kind.count, kind.texts) == (MeasureStatus.COMPILE_ERROR, 2, ((NASTY, 2),))


def test_the_time_is_split_by_session() -> None:
    with Database("sqlite://") as database:
        add_session(database, [SMALL], [2e-3, 1e-3])
        add_session(database, [SMALL], [3e-3, None])
        first, second = read_tune_data(database).times
        assert [each.session for each in read_tune_data(database, 2).times] == [2]
    assert (first.session, first.building, first.timing) == (1, 1.0, 0.5)
    assert (second.building, second.timing) == (0.7, 0.25)
    assert first.overlapping
    assert first.rest == 0.0


def test_the_model_takes_the_fastest_form() -> None:
    """Direct first: 8 ms, then 4; the Winograd form then takes 3, then 2. One other kernel takes twice 1 ms."""
    weights = {DIRECT.key: 1.0, WINOGRAD.key: 1.0, SMALL.key: 2.0}
    with Database("sqlite://") as database:
        add_session(database, [SMALL], [1e-3], weights=weights)
        add_session(database, [DIRECT], [8e-3, 4e-3])
        add_session(database, [WINOGRAD], [3e-3, 5e-3, 2e-3])
        report = make_report(database, ceiling=False)
        data = report.data
    (model_time,) = report.model_times
    assert [secs for _, secs in model_time.points] == pytest.approx([10e-3, 6e-3, 5e-3, 5e-3, 4e-3])
    seconds = [elapsed for elapsed, _ in model_time.points]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= sum(split.elapsed for split in data.times) + timedelta(seconds=1).total_seconds()
    assert [row.task.records[0].workload for row in report.fastest_forms] == [WINOGRAD, SMALL]
    assert [row.task.records[0].workload for row in report.slower_forms] == [DIRECT]


def test_untuned_is_the_default_schedule_even_of_a_later_session() -> None:
    with Database("sqlite://") as database:
        add_session(database, [SMALL], [2e-3, 1e-3, 4e-3])
        (row,) = make_report(database, ceiling=False).kernels
    assert row.untuned_secs == 2e-3
    assert row.gflops == pytest.approx(2 * 32 * 48 * row.task.records[0].workload.output_types[0].shape[0] / 1e-3 / 1e9)


def test_a_ceiling_is_given_for_this_device_alone() -> None:
    with Database("sqlite://") as database:
        add_session(database, [SMALL], [1e-3])
        assert not make_report(database).ceiling
    with Database("sqlite://") as database:
        add_session(database, [SMALL], [1e-3, None], device=describe_host())
        add_session(database, [LARGE], [None], device=describe_host())
        report = make_report(database)
    assert report.ceiling
    assert not report.busy
    here, failed = report.kernels
    assert here.reached is not None
    assert here.reached > 0
    assert failed.reached is None


def test_a_kernel_past_the_ceiling_tells_of_a_busy_machine() -> None:
    with Database("sqlite://") as database:
        add_session(database, [LARGE], [1e-12], device=describe_host())
        assert make_report(database).busy


def test_predictions_follow_the_order_of_the_records() -> None:
    """The first sixteen trials have none; a time that does not depend on the candidate is predicted exactly."""
    with Database("sqlite://") as database:
        add_session(database, [LARGE], [1e-3] * 30)
        predictions = make_report(database, ceiling=False).predictions
    assert len(predictions.trials) == 14
    assert predictions.median_factor == pytest.approx(1.0, abs=1e-3)
    assert {each.measured for each in predictions.trials} == {1e-3}


def test_failures_alone_are_no_basis_for_predictions() -> None:
    with Database("sqlite://") as database:
        add_session(database, [LARGE], [None] * 30)
        report = make_report(database, ceiling=False)
    assert report.predictions.trials == ()
    assert report.model_times[0].points == ()
    assert report.kernels[0].gflops is None
