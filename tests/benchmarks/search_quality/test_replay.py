"""Searches on recorded spaces: nothing is easier there than it was, the same seed does the same, and every strategy can play."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.search_quality import Origin, RecordedSpace, recorded_space
from benchmarks.search_quality.recorded_space import MIN_NEIGHBOURS
from benchmarks.search_quality.replay import Contestant, replay
from compiler.errors import ScheduleError
from measure import MeasureStatus
from schedule_space import Candidate
from tests.benchmarks.search_quality.lab import record_toy
from tuner import DEFAULT_STRATEGY, STRATEGIES

TRIALS = 48


@pytest.fixture(scope="module", name="space")
def _space() -> RecordedSpace:
    return recorded_space(record_toy())


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_every_strategy_plays(space: RecordedSpace, strategy: str) -> None:
    run = replay(space, space.answer, Contestant(strategy), seed=1, trials=TRIALS)
    assert len(run.run_secs) == TRIALS
    assert np.nanmin(run.run_secs) >= space.recording.best_secs
    assert np.nanmin(run.run_secs) < run.run_secs[0] == space.recording.default_secs
    assert run.thinking_secs > 0


@pytest.mark.parametrize("strategy", [DEFAULT_STRATEGY, "ga", "random"])
def test_the_same_seed_does_the_same(space: RecordedSpace, strategy: str) -> None:
    runs = [replay(space, space.answer, Contestant(strategy), seed, TRIALS).run_secs for seed in (3, 3, 4)]
    assert np.array_equal(runs[0], runs[1], equal_nan=True)
    assert not np.array_equal(runs[0], runs[2], equal_nan=True)


def test_a_search_ends_with_the_space(space: RecordedSpace) -> None:
    run = replay(space, space.answer, Contestant("random"), seed=0, trials=10_000)
    assert len(run.run_secs) == len(space.recording)
    assert np.nanmin(run.run_secs) == space.recording.best_secs


def test_a_few_samples_are_uniform_and_a_large_one_is_everything(space: RecordedSpace) -> None:
    drawn = space.sample(np.random.default_rng(0), 40)
    assert len(set(drawn)) == 40
    assert {space.recording.origins[space.row(candidate)] for candidate in drawn} == {Origin.SAMPLE}
    everything = space.sample(np.random.default_rng(0), 10_000)
    assert set(everything) == set(space.all())
    assert len(everything) == len(space.recording)


def test_neighbours_are_recorded_and_near(space: RecordedSpace) -> None:
    for candidate in (space.default(), *space.sample(np.random.default_rng(1), 20)):
        neighbours = space.neighbours(candidate)
        assert len(set(neighbours)) == len(neighbours) >= MIN_NEIGHBOURS
        assert candidate not in neighbours
        assert all(space.contains(dict(neighbour.decisions)) for neighbour in neighbours)
    best = space.recording.candidate(int(np.nanargmin(space.recording.run_secs)))
    differences = [sum(a != b for a, b in zip(best.decisions, each.decisions, strict=True)) for each in space.neighbours(best)]
    assert set(differences) == {1}


def test_decisions_that_nobody_measured_lead_to_the_nearest(space: RecordedSpace) -> None:
    known = {space.recording.candidate(row) for row in range(len(space.recording))}
    template_choices = [parameter.choices for parameter in space.parameters]
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(200):
        decisions = {p.name: c[int(rng.integers(len(c)))] for p, c in zip(space.parameters, template_choices, strict=True)}
        if Candidate(tuple(decisions.items())) in known or not space.is_valid(decisions):
            continue
        found += 1
        snapped = space.candidate(decisions)
        assert snapped in known
        assert 1 <= sum(decisions[name] != choice for name, choice in snapped.decisions) <= 2
        assert space.answer([Candidate(tuple(decisions.items()))]) == space.answer([snapped])
        assert not space.contains(decisions)
    assert found > 20


def test_what_is_not_of_the_space_is_refused(space: RecordedSpace) -> None:
    foreign = {**dict(space.default().decisions), "m": 3}
    assert not space.is_valid(foreign)
    with pytest.raises(ValueError, match="nothing near"):
        space.candidate(foreign)
    with pytest.raises(ValueError, match="not of the recorded space"):
        space.row(Candidate(tuple(foreign.items())))
    with pytest.raises(ScheduleError, match="is a recording"):
        space.schedule(space.default())


def test_failures_come_back_as_failures(space: RecordedSpace) -> None:
    row = space.recording.statuses.index(MeasureStatus.CRASH)
    (measurement,) = space.answer([space.recording.candidate(row)])
    assert measurement.status is MeasureStatus.CRASH
    assert measurement.best_secs is None


def test_a_default_that_failed_does_not_end_a_replay() -> None:
    recording = record_toy()
    secs, statuses = recording.run_secs.copy(), list(recording.statuses)
    secs[recording.default], statuses[recording.default] = np.nan, MeasureStatus.WRONG_ANSWER
    space = recorded_space(replace(recording, run_secs=secs, statuses=tuple(statuses)))
    run = replay(space, space.answer, Contestant(DEFAULT_STRATEGY), seed=0, trials=TRIALS)
    assert np.isnan(run.run_secs[0])
    assert np.nanmin(run.run_secs) <= 1.3 * recording.best_secs
