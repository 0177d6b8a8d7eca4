"""Trials on their way into the database: nothing twice, nothing lost, told only when they are there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from records_db import Database, DatabaseError, Record, TuneSession
from schedule_space import Candidate
from tests.tuner.toy import DEVICE, measure_toy, toy_task
from tuner import Event, SessionStarted
from tuner.record_keeper import NOISE_FACT, RecordKeeper

TASK = toy_task()
CANDIDATES = list(TASK.space.all())[:6]


def record(candidate: Candidate, trial: int) -> Record:
    return Record(
        workload=TASK.workload,
        target=str(TASK.target),
        device=DEVICE,
        schedule=TASK.space.schedule(candidate),
        decisions=candidate.to_json(),
        measurement=measure_toy(TASK.space, candidate),
        trial=trial,
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(f"sqlite:///{tmp_path}/records.db") as database:
        yield database


def keeper(database: Database, told: list[Event]) -> RecordKeeper:
    return RecordKeeper(database, database.open_session(TuneSession(tuner="test", seed=0)), told.append)


def add_all(keeper: RecordKeeper) -> None:
    for trial, candidate in enumerate(CANDIDATES):
        keeper.add(record(candidate, trial), SessionStarted(session=trial, tasks=()))


def test_events_are_told_when_the_records_are_there(database: Database) -> None:
    told: list[Event] = []
    mine = keeper(database, told)
    add_all(mine)
    assert len(told) == len(database.records()) < len(CANDIDATES)
    mine.flush()
    mine.flush()
    assert [each.trial for each in database.records()] == list(range(len(CANDIDATES)))
    assert [event.session for event in told if isinstance(event, SessionStarted)] == list(range(len(CANDIDATES)))


def test_noise_marks_what_is_not_committed_yet(database: Database) -> None:
    mine = keeper(database, [])
    mine.add(record(CANDIDATES[0], 0))
    mine.flush()
    mine.add(record(CANDIDATES[1], 1))
    mine.mark_noisy(1.9)
    mine.flush()
    before, beside = database.records()
    assert NOISE_FACT not in dict(before.measurement.facts)
    assert dict(beside.measurement.facts)[NOISE_FACT] == 1.9


@pytest.mark.parametrize("commits_first", [False, True])
def test_an_interrupted_commit_keeps_each_record_once(database: Database, monkeypatch: pytest.MonkeyPatch, commits_first: bool) -> None:
    mine = keeper(database, [])
    add_all(mine)
    add_records = database.add_records
    calls: list[int] = []

    def interrupted(session: int, records: list[Record]) -> list[int]:
        calls.append(len(records))
        if len(calls) > 1:
            return add_records(session, records)
        if commits_first:
            add_records(session, records)
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "add_records", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mine.flush()
    monkeypatch.undo()
    mine.flush()
    assert [each.trial for each in database.records()] == list(range(len(CANDIDATES)))


class _InterruptedOnce(list[object]):
    """Ctrl-C comes when somebody begins to look through it."""

    interrupted = False

    def __iter__(self) -> Iterator[object]:
        if not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt
        return super().__iter__()


def test_an_interruption_before_the_commit_loses_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = keeper(database, [])
    mine.add(record(CANDIDATES[0], 0))
    monkeypatch.setattr(mine, "_waiting", _InterruptedOnce(mine._waiting))
    with pytest.raises(KeyboardInterrupt):
        mine.flush()
    mine.flush()
    assert [each.trial for each in database.records()] == [0]


def test_a_database_that_is_full_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []
    mine = keeper(database, told)

    def full(session: int, records: list[Record]) -> list[int]:
        raise DatabaseError(f"no room for {len(records)} records of session {session}")

    mine.add(record(CANDIDATES[0], 0), SessionStarted(session=0, tasks=()))
    monkeypatch.setattr(database, "add_records", full)
    with pytest.raises(DatabaseError, match="no room"):
        mine.flush()
    assert told == []
