"""A neighbour who comes and goes: what he has spoiled is measured again, and the records say so."""

import dataclasses
import itertools
from types import SimpleNamespace

import pytest

from measure import READING_FACT, Built, Measurement, RunLimits
from records_db import Database
from tests.tuner.toy import ToyBuilder, ToyRunner, toy_task
from tuner import Task, TrialDone, TuneOptions, budget, noise_watch, record_keeper, tune_tasks
from tuner.record_keeper import NOISE_FACT, REPEATED_FACT

FIRST, LAST = 30, 45  # runs in which the neighbour is there


class DisturbedRunner(ToyRunner):
    """Has a reference kernel; beside the neighbour it and all candidates take twice as long."""

    def __init__(self, task: Task) -> None:
        super().__init__([task])
        self.number = itertools.count()

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        found = super().run(built, limits)
        factor = 2.0 if FIRST <= next(self.number) < LAST else 1.0
        facts = ((READING_FACT, 1e-4 * factor),) if limits.with_reading else ()
        return dataclasses.replace(found, run_secs=tuple(factor * secs for secs in found.run_secs), facts=facts)


@pytest.fixture(autouse=True)
def read_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise_watch, "SECS_BETWEEN_READINGS", 0.0)


@pytest.mark.parametrize("commit_secs", [record_keeper.COMMIT_SECS, 0.0], ids=["fast trials", "slow trials"])
def test_what_a_neighbour_spoiled_is_measured_again(monkeypatch: pytest.MonkeyPatch, commit_secs: float) -> None:
    """Slow trials are committed one by one."""
    monkeypatch.setattr(record_keeper, "COMMIT_SECS", commit_secs)
    task = toy_task()
    events: list[object] = []
    with Database("sqlite://") as database:
        runner = DisturbedRunner(task)
        result = tune_tasks([task], ToyBuilder(), runner, database, TuneOptions(trials=80, strategy="random", contenders=0), events.append)
        records = database.records()
    assert result.progress.trials == 80
    assert sum(isinstance(event, TrialDone) for event in events) == 80
    noisy = {record.key for record in records if NOISE_FACT in dict(record.measurement.facts)}
    repeated = {record.key for record in records if REPEATED_FACT in dict(record.measurement.facts)}
    assert noisy
    assert noisy <= repeated
    assert len(repeated) == result.progress.repeated <= LAST - FIRST + 2
    formula = {record.key: task.space.template.secs(dict(record.decisions)) for record in records}
    for key in {record.key for record in records}:
        times = [record.measurement.best_secs for record in records if record.key == key]
        known = [secs for secs in times if secs is not None]
        assert not known or min(known) == pytest.approx(formula[key])
    assert result.tasks[0].best_secs == pytest.approx(min(secs for secs in formula.values() if secs is not None))


def test_repetitions_end_with_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that tells runs: the neighbour leaves three runs before the end, with 15 of them spoiled."""
    task = toy_task()
    runner = DisturbedRunner(task)
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: len(runner.runs)))
    with Database("sqlite://") as database:
        options = TuneOptions(minutes=(LAST + 3) / 60, strategy="random", contenders=0)
        result = tune_tasks([task], ToyBuilder(), runner, database, options)
    assert result.progress.repeated > 0
    assert len(runner.runs) == LAST + 3


def test_without_readings_nothing_is_repeated() -> None:
    task = toy_task()
    with Database("sqlite://") as database:
        result = tune_tasks([task], ToyBuilder(), ToyRunner([task]), database, TuneOptions(trials=60, contenders=0))
        assert len(database.records()) == 60
    assert result.progress.repeated == 0
