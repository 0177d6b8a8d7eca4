"""The tune loop over a formula instead of a device, with a real database."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from measure import VERDICT_FACT, Built, Measurement, MeasureStatus, ReplayBuilder, ReplayRunner, RunLimits, Verdict
from records_db import Database, SessionStatus
from schedule_space import Candidate
from tests.tuner.toy import DEVICE, TARGET, ToyBuilder, ToyRunner, toy_task
from tuner import Event, SessionStarted, StopReason, Task, TaskRetimed, TrialDone, TuneOptions, TuneResult, tune_tasks


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(f"sqlite:///{tmp_path}/records.db") as database:
        yield database


def tune(tasks: Sequence[Task], database: Database, runner: ToyRunner | None = None, **options: object) -> tuple[TuneResult, list[Event]]:
    events: list[Event] = []
    result = tune_tasks(tasks, ToyBuilder(), runner or ToyRunner(tasks), database, TuneOptions(**options), events.append)
    return result, events


def keys(database: Database, task: Task) -> list[str]:
    return [record.key for record in database.records(task.workload, TARGET, DEVICE)]


def test_the_budget_is_spent_on_new_candidates_and_the_optimum_is_found(database: Database) -> None:
    task = toy_task()
    result, events = tune([task], database, trials=64, lookahead=0)
    assert result.stop is StopReason.TRIALS
    (state,) = result.tasks
    assert (state.trials, state.known) == (64, 0)
    assert state.best_secs == pytest.approx(1e-3)
    assert state.default_secs is not None
    assert state.default_secs > state.best_secs
    trials = [event for event in events if isinstance(event, TrialDone)]
    assert len({event.candidate for event in trials}) == 64
    assert trials[0].candidate == task.space.default()
    assert [event.progress.trials for event in trials] == list(range(1, 65))
    assert isinstance(events[0], SessionStarted)
    assert events[-1] is result


def test_every_trial_is_in_the_database_and_the_best_is_verified(database: Database) -> None:
    task = toy_task()
    result, _ = tune([task], database, trials=40, contenders=0)
    assert len(keys(database, task)) == 40
    best = database.best_record(task.workload, TARGET, DEVICE)
    assert best is not None
    assert best.cost_secs == result.tasks[0].best_secs
    assert best.verification.passed
    assert task.space.schedule(task.space.candidate(best.record.decisions)) == best.record.schedule
    failed = [record for record in database.records(task.workload) if record.measurement.status is not MeasureStatus.OK]
    assert len(failed) == result.tasks[0].failed > 0
    assert result.progress.failures == ((MeasureStatus.CRASH, len(failed)),)


def test_a_second_session_repeats_nothing_and_says_what_is_known(database: Database) -> None:
    task = toy_task()
    first, _ = tune([task], database, trials=30, contenders=0)
    second, events = tune([task], database, trials=30, contenders=0)
    (state,) = events[0].tasks if isinstance(events[0], SessionStarted) else ()
    assert state.known == 30
    assert state.best_secs == first.tasks[0].best_secs
    assert state.default_secs == first.tasks[0].default_secs
    assert second.tasks[0].trials == 30
    assert len(keys(database, task)) == len(set(keys(database, task))) == 60


def test_an_exhausted_space_ends_the_session(database: Database) -> None:
    task = toy_task(tiles=(1, 32))
    result, _ = tune([task], database, trials=10_000)
    assert result.stop is StopReason.EXHAUSTED
    assert result.tasks[0].trials == len(list(task.space.all()))
    again, _ = tune([task], database, trials=10)
    assert (again.stop, again.progress.trials) == (StopReason.EXHAUSTED, 0)


def test_time_that_is_up_ends_the_session(database: Database) -> None:
    result, _ = tune([toy_task()], database, minutes=0.0)
    assert (result.stop, result.progress.trials) == (StopReason.MINUTES, 0)


def test_tasks_share_the_budget_by_what_they_promise(database: Database) -> None:
    heavy = toy_task("heavy", size=64, weight=4.0, scale_secs=1e-2)
    light = toy_task("light", size=128, scale_secs=1e-6)
    middle = toy_task("middle", size=256, scale_secs=1e-3)
    result, events = tune([light, middle, heavy], database, trials=120)
    trials = {state.name: state.trials for state in result.tasks}
    assert trials["light"] < trials["middle"] < trials["heavy"]
    first = [event.task for event in events if isinstance(event, TrialDone)][:3]
    assert sorted(first) == [0, 1, 2]
    assert result.progress.model_secs == pytest.approx(sum(state.weight * (state.best_secs or 0) for state in result.tasks))


def test_a_model_runs_the_fastest_of_several_forms(database: Database) -> None:
    """Slow forms get little more than their first trial, no second look, and no place in the model's time."""
    fast = toy_task("fast", size=64, weight=2.0, family="conv")
    slow = toy_task("slow", size=128, weight=2.0, family="conv", scale_secs=2e-2)
    other = toy_task("other", size=256, scale_secs=5e-4)
    result, events = tune([slow, fast, other], database, trials=100)
    trials = {state.name: state.trials for state in result.tasks}
    assert trials["slow"] <= 10 < trials["fast"]
    best = {state.name: state.best_secs for state in result.tasks}
    assert all(best.values())
    assert result.progress.model_secs == pytest.approx(2 * best["fast"] + best["other"])
    assert 0 not in {event.task for event in events if isinstance(event, TaskRetimed)}


def test_the_time_of_a_model_is_known_when_one_form_of_each_kernel_has_run(database: Database) -> None:
    tasks = [toy_task(f"form {size}", size=size, family="conv") for size in (64, 128)] + [toy_task("other", size=256)]
    _, events = tune(tasks, database, trials=3, batch=1, contenders=0)
    known = [(event.task, event.progress.model_secs is not None) for event in events if isinstance(event, TrialDone)]
    assert sorted(task for task, _ in known) == [0, 1, 2]
    for position, (_, is_known) in enumerate(known):
        ran = {task for task, _ in known[: position + 1]}
        assert is_known == (2 in ran and bool(ran & {0, 1}))


def test_the_fastest_are_timed_against_each_other_at_the_end(database: Database) -> None:
    task = toy_task()
    runner = ToyRunner([task])
    result, events = tune([task], database, runner, trials=64)
    retimed = [event for event in events if isinstance(event, TaskRetimed)]
    assert [event.candidates for event in retimed] == runner.compared
    assert retimed[0].best_secs == result.tasks[0].best_secs
    assert len(keys(database, task)) == 64 + sum(runner.compared)
    assert result.progress.trials == 64


class TurnRunner(ToyRunner):
    """One form was lucky with its times in the search; timed in turn with the other, all are what they are."""

    def __init__(self, tasks: Sequence[Task], lucky: Task) -> None:
        super().__init__(tasks)
        self._lucky = lucky.workload

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        measurement = super().run(built, limits)
        share = 0.6 if built.request.workload == self._lucky else 1.0
        return dataclasses.replace(measurement, run_secs=tuple(share * secs for secs in measurement.run_secs))

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        """The first three rounds tell."""
        measurements = super().compare(candidates)
        secs = [min(measurement.run_secs) for measurement in measurements]
        best = secs.index(min(secs))
        judged = []
        for position, measurement in enumerate(measurements):
            times = (1.1, 1.0, 1.2, 1.0) if position == best else (0.8, 1.1, 1.2)
            verdict = Verdict.WON if position == best else Verdict.LOST
            facts = ((VERDICT_FACT, verdict), ("verdict_p", 0.0))
            judged.append(dataclasses.replace(measurement, run_secs=tuple(time * secs[position] for time in times), facts=facts))
        return judged


def forms() -> tuple[Task, Task, TurnRunner]:
    """Of one kernel; the first is slower by a fifth and lucky. Each has 120 candidates."""
    tiles = (8, 16)
    slower = toy_task("slower", family="conv", tiles=tiles, scale_secs=1.2e-3)
    faster = toy_task("faster", family="conv", op="tanh", tiles=tiles)
    return slower, faster, TurnRunner([slower, faster], slower)


def test_forms_are_chosen_by_times_of_one_run(database: Database) -> None:
    slower, faster, runner = forms()
    _, events = tune([slower, faster], database, runner, trials=239)
    best = {task.name: database.best_record(task.workload, TARGET, DEVICE) for task in (slower, faster)}
    costs = {name: record.cost_secs for name, record in best.items() if record is not None}
    assert costs == {"slower": pytest.approx(1.2e-3 * 1.1 / 1.1), "faster": pytest.approx(1e-3)}
    last = next(event for event in reversed(events) if isinstance(event, TaskRetimed))
    assert (last.of_forms, last.candidates, last.task, last.verdict) == (True, 2, 1, Verdict.WON)


def test_a_lucky_form_is_found_out_in_the_course_of_the_session(database: Database) -> None:
    """After 24 of 60 trials the forms are timed in turn; but for what is on its way, the rest goes to the one that is faster there."""
    slower, faster, runner = forms()
    for task in (slower, faster):
        tune([task], database, trials=20, contenders=0)
    _, events = tune([slower, faster], database, runner, trials=60)
    first = next(position for position, event in enumerate(events) if isinstance(event, TaskRetimed))
    before, after = ([event.task for event in part if isinstance(event, TrialDone)] for part in (events[:first], events[first:]))
    assert len(before) == 24
    assert before[-8:] == [0] * 8
    assert after.count(0) <= 8
    assert after[8:] == [1] * (36 - 8)


def test_a_form_that_lost_to_another_is_not_beaten_within_its_own(database: Database) -> None:
    slower, faster, runner = forms()
    tune([slower, faster], database, runner, trials=239)
    best = database.best_record(slower.workload, TARGET, DEVICE)
    assert best is not None
    (lucky, *_) = [record for record in database.records(slower.workload) if record.key == best.record.key]
    assert lucky.measurement.best_secs == pytest.approx(0.6 * 1.2e-3)
    (verdicts,) = {
        (facts["form_verdict"], facts.get(VERDICT_FACT))
        for record in database.records(slower.workload)
        if "form_secs" in (facts := dict(record.measurement.facts))
    }
    assert verdicts == (Verdict.LOST, None)


def test_forms_of_earlier_sessions_are_compared_again(database: Database) -> None:
    """The winner among candidates, not the one with the least time, stands for its form."""
    slower, faster, runner = forms()
    tune([slower, faster], database, runner, trials=239)
    chosen = database.best_record(faster.workload, TARGET, DEVICE)
    assert chosen is not None
    before = len(database.records(faster.workload))
    tune([slower, faster], database, runner, trials=1)
    (again,) = [record for record in database.records(faster.workload)[before:] if "form_secs" in dict(record.measurement.facts)]
    assert again.key == chosen.record.key


def test_the_next_batch_is_built_while_the_last_is_timed() -> None:
    """What is on its way when a candidate is timed: never nothing before the end, with lookahead; whole batches without."""
    task = toy_task()

    def requested_ahead(lookahead: int) -> list[int]:
        builder, ahead = ToyBuilder(), []

        class NotingRunner(ToyRunner):
            def run(self, built: Built, limits: RunLimits) -> Measurement:
                ahead.append(len(builder.requests) - len(self.runs) - 1)
                return super().run(built, limits)

        with Database("sqlite://") as scratch:
            options = TuneOptions(trials=49, lookahead=lookahead, contenders=0, strategy="random")
            tune_tasks([task], builder, NotingRunner([task]), scratch, options)
        return ahead

    assert min(requested_ahead(3)[1:-4]) >= 3
    assert requested_ahead(0)[1:] == [7, 6, 5, 4, 3, 2, 1, 0] * 6


def test_candidates_are_not_built_twice_to_be_compared(database: Database) -> None:
    task = toy_task()
    builder, again, runner = ToyBuilder(), ToyBuilder(), ToyRunner([task])
    tune_tasks([task], builder, runner, database, TuneOptions(trials=64))
    assert runner.compared
    assert len(builder.requests) == len({str(request.schedule) for request in builder.requests}) == 64
    tune_tasks([task], again, runner, database, TuneOptions(trials=1, strategy="random"))
    assert len(runner.compared) == 2
    assert len(again.requests) > 1, "contenders of an earlier session are built anew"


def test_limits_follow_the_best(database: Database) -> None:
    task = toy_task()
    runner = ToyRunner([task])
    tune([task], database, runner, trials=12, contenders=0)
    assert runner.limits[0] == RunLimits(with_reading=True)
    best = task.space.template.secs(dict(task.space.default().decisions))
    expected = RunLimits(abandon_above_secs=3 * best, best_run_secs=(best, 1.1 * best), verify_below_secs=best)
    assert dataclasses.replace(runner.limits[1], with_reading=False) == expected


class InterruptedRunner(ToyRunner):
    """Somebody presses Ctrl-C in the middle of the eleventh run."""

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        if len(self.runs) == 10:
            raise KeyboardInterrupt
        return super().run(built, limits)


def test_ctrl_c_keeps_everything(database: Database) -> None:
    task = toy_task()
    result, events = tune([task], database, InterruptedRunner([task]), trials=64)
    assert result.stop is StopReason.INTERRUPTED
    assert events[-1] is result
    assert len(keys(database, task)) == result.progress.trials == 10
    assert database.sessions()[-1].status is SessionStatus.INTERRUPTED
    resumed, _ = tune([task], database, trials=20, contenders=0)
    assert resumed.tasks[0].known == 10
    assert len(set(keys(database, task))) == 30


class BrokenRunner(ToyRunner):
    def run(self, built: Built, limits: RunLimits) -> Measurement:
        raise OSError(f"no process for {built.request.workload} and {limits}")


def test_an_error_that_ends_the_session_is_raised_and_noted(database: Database) -> None:
    task = toy_task()
    with pytest.raises(OSError, match="no process"):
        tune([task], database, BrokenRunner([task]), trials=4)
    assert database.sessions()[-1].status is SessionStatus.FAILED


class ForgetfulRunner(ToyRunner):
    """Finds the fastest candidate's answer wrong when it looks again."""

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        first, *others = super().compare(candidates)
        assert first.verification is not None
        verdict = dataclasses.replace(first.verification, passed=False, max_error=0.5)
        return [Measurement(status=MeasureStatus.WRONG_ANSWER, error="largest error 0.5", verification=verdict), *others]


def test_a_winner_that_fails_the_second_check_is_dropped(database: Database) -> None:
    task = toy_task()
    result, _ = tune([task], database, ForgetfulRunner([task]), trials=64)
    best = database.best_record(task.workload, TARGET, DEVICE)
    assert best is not None
    assert result.tasks[0].best_secs == best.cost_secs > 1e-3


class DyingRunner(ToyRunner):
    """Its process is lost as soon as several candidates are in it."""

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        return [Measurement(status=MeasureStatus.CRASH, error="the kernel's process was lost") for _ in super().compare(candidates)]


def test_a_comparison_that_fails_takes_nothing_away(database: Database) -> None:
    task = toy_task()
    _, events = tune([task], database, DyingRunner([task]), trials=64)
    retimed = [(event.best_secs, event.verdict) for event in events if isinstance(event, TaskRetimed)]
    assert retimed == [(None, None)]
    best = database.best_record(task.workload, TARGET, DEVICE)
    assert best is not None
    assert best.cost_secs == pytest.approx(1e-3)


def test_records_of_another_version_of_the_space_are_left_out(database: Database) -> None:
    tune([toy_task()], database, trials=30, contenders=0)
    narrower = toy_task(tiles=(1, 2, 4))
    result, _ = tune([narrower], database, trials=1, contenders=0)
    known = {record.key for record in database.records() if narrower.space.contains(record.decisions)}
    assert result.tasks[0].known < 30
    assert result.tasks[0].known + result.tasks[0].trials == len(known)


def test_a_search_replays_from_records_alone(database: Database) -> None:
    task = toy_task(tiles=(4, 8, 16))
    tune([task], database, trials=1000, strategy="grid", contenders=0)
    records = database.records()
    with Database("sqlite://") as scratch:
        runner = ReplayRunner(records, DEVICE)
        result = tune_tasks([task], ReplayBuilder(), runner, scratch, TuneOptions(trials=60))
        times = [record.measurement.best_secs for record in records if record.measurement.best_secs is not None]
        assert result.tasks[0].best_secs == min(times)


def test_what_cannot_be_replayed_says_so() -> None:
    task = toy_task()
    with Database("sqlite://") as scratch:
        result = tune_tasks([task], ReplayBuilder(), ReplayRunner([], DEVICE), scratch, TuneOptions(trials=3))
        (record, *_) = scratch.records()
    assert result.tasks[0].failed == 3
    assert "no record of this schedule" in record.measurement.error


def test_the_same_seed_measures_the_same() -> None:
    def candidates(seed: int) -> list[Candidate]:
        with Database("sqlite://") as scratch:
            _, events = tune([toy_task()], scratch, trials=40, seed=seed)
        return [event.candidate for event in events if isinstance(event, TrialDone)]

    assert candidates(1) == candidates(1) != candidates(2)
