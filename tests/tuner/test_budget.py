"""When a session ends, and what it foretells."""

from math import inf

import pytest

from records_db import Database
from tests.tuner.toy import ToyBuilder, ToyRunner, toy_task
from tuner import BudgetScheduler, StopReason, TaskProgress, TuneOptions, tune_tasks
from tuner.budget import Budget
from tuner.events import TuneResult


def tuned(*times: float, weight: float = 1.0, family: str | None = None) -> TaskProgress:
    task = TaskProgress(weight, 1.0, family)
    for secs in times:
        task.add(secs)
    return task


def budget(*tasks: TaskProgress, **limits: float | None) -> Budget:
    given = {"trials": None, "minutes": None, "until": None, "least_gain": None} | limits
    return Budget(BudgetScheduler(list(tasks)), **given)  # type: ignore[arg-type]


def test_a_model_of_fresh_tasks_has_something_to_gain() -> None:
    forecast = budget(tuned(1e-3), tuned(2e-3, weight=3.0)).forecast()
    assert forecast is not None
    assert forecast.model_secs == pytest.approx(7e-3)
    assert forecast.best_secs < 0.95 * forecast.model_secs
    assert forecast.reached < 0.95


def test_a_model_whose_tasks_stand_still_has_nothing_to_gain() -> None:
    forecast = budget(tuned(*[1e-3] * 200), tuned(*[2e-3] * 200)).forecast()
    assert forecast is not None
    assert 0.995 < forecast.reached <= 1
    assert forecast.minute_gain < 1e-3


def test_of_a_family_only_the_fastest_counts() -> None:
    alone = BudgetScheduler([tuned(1e-3, family="a")]).foretold_secs(inf)
    beside = BudgetScheduler([tuned(1e-3, family="a"), tuned(9e-3, family="a")]).foretold_secs(inf)
    assert alone == beside


def test_more_trials_never_make_it_slower() -> None:
    scheduler = BudgetScheduler([tuned(1e-3, 0.9e-3), tuned(*[3e-3] * 9, family="a"), tuned(3.1e-3, family="a")])
    foretold = [scheduler.foretold_secs(trials) for trials in (0, 10, 100, 1000, inf)]
    assert all(secs is not None for secs in foretold)
    assert foretold == sorted(foretold, reverse=True)  # type: ignore[type-var]


def test_nothing_is_foretold_while_a_task_has_no_time() -> None:
    untimed = TaskProgress(1.0, 1.0)
    untimed.add(None)
    assert budget(tuned(1e-3), untimed, until=0.1, least_gain=0.9).reason_to_stop() is None
    assert budget(tuned(1e-3), untimed).forecast() is None


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"until": 0.99}, StopReason.UNTIL), ({"least_gain": 0.01}, StopReason.GAIN), ({"minutes": 0.0}, StopReason.MINUTES), ({}, None)],
)
def test_reasons(limits: dict[str, float], reason: StopReason | None) -> None:
    assert budget(tuned(*[1e-3] * 300), **limits).reason_to_stop() is reason


def test_a_resumed_session_does_not_end_before_its_pace_is_known() -> None:
    again = budget(tuned(*(1e-3 * 0.99**trial for trial in range(16))), least_gain=0.002)
    assert again.reason_to_stop() is None


def test_a_resumed_session_searches_on() -> None:
    """After 16 of 690 points there is much to gain, whatever the first session's pace was."""
    task = toy_task()
    with Database("sqlite://") as database:
        for options in (TuneOptions(trials=16), TuneOptions(trials=64, least_gain=0.002)):
            result = tune_tasks([task], ToyBuilder(), ToyRunner([task]), database, options)
    assert result.progress.trials > 0


def session(**options: float) -> TuneResult:
    task = toy_task()
    with Database("sqlite://") as database:
        return tune_tasks([task], ToyBuilder(), ToyRunner([task]), database, TuneOptions(minutes=1.0, **options))  # type: ignore[arg-type]


def test_a_session_stops_by_itself_near_the_best() -> None:
    """The toy space has 690 points; the forecast is asked once a second, so that the session may also run out of them."""
    result = session(until=0.5)
    assert result.stop in (StopReason.UNTIL, StopReason.EXHAUSTED)
    assert result.forecast is not None
    assert result.forecast.reached >= 0.5
