"""What every backend does alike."""

import json
import math
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import func, select, text

from compiler.driver import ScheduleChoice
from measure import Measurement, MeasureStatus, Verification
from records_db import (
    CompilerVersion,
    Database,
    DatabaseError,
    Record,
    Rung,
    SessionStatus,
    Source,
    TuneSession,
    UnreadableRecordWarning,
)
from records_db.models import RecordRow

PROCESSES, TRANSACTIONS = 6, 60


def stored(record: Record, number: int, session: int) -> Record:
    return replace(record, id=number, session=session)


def best_cost(database: Database, record: Record, **options: Any) -> float | None:
    best = database.best_record(record.workload, record.target, record.device, **options)
    return None if best is None else best.cost_secs


def test_an_empty_database_has_no_answers(database: Database, make: Any) -> None:
    record = make.record()
    assert database.best_record(record.workload, record.target, record.device) is None
    assert database.best_schedule(record.workload, record.target, record.device) is None
    assert database.tried_keys(record.workload, record.target, record.device) == set()
    assert database.records() == []
    assert database.records(workload=record.workload) == []
    assert database.sessions() == []
    assert database.status_counts() == {}
    assert database.statistics().records == 0


def test_what_is_added_comes_back(database: Database, session: int, make: Any) -> None:
    given = [make.record(trial=0), make.record(make.failed(), tile=2, trial=1), make.record(width=13, trial=2)]
    numbers = database.add_records(session, given)
    assert numbers == sorted(set(numbers))
    assert database.records() == [stored(record, number, session) for record, number in zip(given, numbers, strict=True)]


def test_what_is_added_is_there_for_the_next_who_opens(url: str, make: Any) -> None:
    with Database(url) as first:
        session = first.open_session(TuneSession(tuner="grid", seed=1))
        first.add_records(session, [make.record()])
        with Database(url) as second:
            assert len(second.records()) == 1
    with Database(url) as third:
        assert len(third.records()) == 1


def test_no_records_are_no_transaction(database: Database, session: int) -> None:
    assert database.add_records(session, []) == []


def test_all_records_are_added_or_none(database: Database, session: int, make: Any) -> None:
    unfit = make.record(replace(make.measured(1.0), facts=(("builder", object()),)))
    with pytest.raises(Exception, match="not JSON serializable"):
        database.add_records(session, [make.record(), unfit])
    assert database.records() == []


def test_records_need_a_session(database: Database, make: Any) -> None:
    with pytest.raises(DatabaseError, match="has no session 41"):
        database.add_records(41, [make.record()])
    with pytest.raises(DatabaseError, match="has no session 41"):
        database.close_session(41, SessionStatus.FINISHED)
    assert database.statistics().workloads == 0


def test_awkward_values_survive(database: Database, session: int, make: Any) -> None:
    facts = (("clock_mhz", float("nan")), ("note", "nul \0 and \udcff"), ("nested", {"a": (1, 2)}))
    measurement = Measurement(
        status=MeasureStatus.WRONG_ANSWER,
        error="NaN\0\udcff",
        verification=Verification(passed=False, tolerance=1e-4, max_error=math.nan, input_seed=2**62),
        facts=facts,
    )
    created = datetime(2024, 2, 29, 23, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5)))
    database.add_records(session, [make.record(measurement, created=created)])
    (found,) = database.records()
    assert found.measurement.error == "NaN\\x00\\udcff"
    assert found.measurement.verification == Verification(passed=False, tolerance=1e-4, max_error=math.inf, input_seed=2**62)
    assert found.measurement.facts == (("clock_mhz", "nan"), ("note", "nul \\x00 and \\udcff"), ("nested", {"a": [1, 2]}))
    assert found.created == created
    assert found.created.tzinfo is UTC


def test_the_least_cost_of_the_verified_is_the_best(database: Database, session: int, make: Any) -> None:
    fast, slow = make.record(make.measured(2e-3, 1e-3), tile=2), make.record(make.measured(3e-3), tile=4)
    _, number, _ = database.add_records(session, [slow, fast, make.record(make.failed(), tile=8)])
    best = database.best_record(fast.workload, fast.target, fast.device)
    assert best is not None
    assert best.record == stored(fast, number, session)
    assert (best.cost_secs, best.rung, best.verification) == (1e-3, Rung.SAME_DEVICE, make.verification())
    choice = database.best_schedule(fast.workload, fast.target, fast.device)
    assert choice == ScheduleChoice(fast.schedule, f"record {number}, same device", 1e-3, make.verification().max_error)


def test_the_winner_of_a_comparison_goes_before_a_lucky_time(database: Database, session: int, make: Any) -> None:
    def told(cost: float, verdict: str, tile: int) -> Record:
        return make.record(replace(make.measured(cost), facts=(("verdict", verdict),)), tile=tile)

    lucky, slow = make.record(make.measured(1e-3), tile=16), make.record(make.measured(9e-3), tile=8)
    database.add_records(session, [lucky, slow, told(2e-3, "lost", 2), told(3e-3, "chosen", 4), told(3.1e-3, "tied", 2)])
    assert best_cost(database, lucky) == 1e-3
    database.add_records(session, [told(1.5e-3, "lost", lucky.decisions["tile"])])
    assert best_cost(database, lucky) == 3e-3
    database.add_records(session, [told(1.4e-3, "won", lucky.decisions["tile"]), told(3e-3, "lost", 4)])
    assert best_cost(database, lucky) == 1e-3


def test_where_every_candidate_was_beaten_the_fastest_is_the_best(database: Database, session: int, make: Any) -> None:
    first, second = (
        make.record(replace(make.measured(secs), facts=(("verdict", "lost"),)), tile=tile) for secs, tile in ((2e-3, 2), (1e-3, 4))
    )
    database.add_records(session, [first, second])
    assert best_cost(database, first) == 1e-3


def test_the_time_beside_other_forms_is_the_cost(database: Database, session: int, make: Any) -> None:
    """The latest one, and of the candidate that took part; another of the same form is still compared by its least time."""

    def beside(cost: float, form_secs: float) -> Record:
        return make.record(replace(make.measured(cost), facts=(("form_verdict", "lost"), ("form_secs", form_secs))), tile=2)

    lucky, other = make.record(make.measured(1e-3), tile=2), make.record(make.measured(1.2e-3), tile=4)
    database.add_records(session, [lucky, other, beside(3e-3, 4e-3), beside(1.5e-3, 2e-3)])
    assert best_cost(database, lucky) == 2e-3
    assert [leader.best.cost_secs for leader in database.leaders()] == [2e-3]
    database.add_records(session, [make.record(make.measured(0.9e-3), tile=4)])
    assert best_cost(database, lucky) == 0.9e-3


@pytest.mark.parametrize("verified", [None, False])
def test_what_was_not_found_right_is_never_the_best(database: Database, session: int, make: Any, verified: bool | None) -> None:
    record = make.record(make.measured(1e-3, verified=verified))
    database.add_records(session, [record])
    assert best_cost(database, record) is None
    database.add_records(session, [make.record(make.measured(5e-3), tile=2)])
    assert best_cost(database, record) == 5e-3


def test_every_measurement_of_a_candidate_counts_once_one_is_verified(database: Database, session: int, make: Any) -> None:
    record = make.record(make.measured(2e-3, verified=None))
    quick, other = make.record(make.measured(1e-3, verified=None)), make.record(make.measured(1.5e-3), tile=2)
    database.add_records(session, [record, quick, other])
    assert best_cost(database, record) == 1.5e-3
    database.add_records(session, [make.record(make.measured(4e-3))])
    assert best_cost(database, record) == 1e-3
    best = database.best_record(record.workload, record.target, record.device)
    assert best is not None
    assert best.record.measurement.verification is None
    assert best.verification == make.verification()


def test_the_latest_verdict_decides(database: Database, session: int, make: Any) -> None:
    record = make.record(make.measured(1e-3))
    database.add_records(session, [record])
    assert best_cost(database, record) == 1e-3
    database.add_records(session, [make.record(make.failed(MeasureStatus.WRONG_ANSWER))])
    assert best_cost(database, record) is None
    database.add_records(session, [make.record(make.measured(2e-3))])
    assert best_cost(database, record) == 1e-3


def test_a_crash_is_no_verdict(database: Database, session: int, make: Any) -> None:
    record = make.record(make.measured(1e-3))
    database.add_records(session, [record, make.record(make.failed(MeasureStatus.CRASH))])
    assert best_cost(database, record) == 1e-3


def test_workloads_and_targets_are_not_mixed(database: Database, session: int, make: Any) -> None:
    record = make.record()
    database.add_records(session, [record, make.record(width=9)])
    assert database.best_record(make.workload(10), record.target, record.device) is None
    assert database.best_record(record.workload, "llvm -mcpu=skylake-avx512 -num-cores=1", record.device) is None
    assert database.best_record(make.workload(9), record.target, record.device) is not None


def test_the_same_device_comes_before_one_of_its_model(database: Database, session: int, make: Any) -> None:
    here, there = make.device(governor="powersave"), make.device(governor="performance")
    slow, fast = make.record(make.measured(9e-3), device=here), make.record(make.measured(1e-3), device=there, tile=2)
    database.add_records(session, [slow, fast])
    best = database.best_record(slow.workload, slow.target, here)
    assert best is not None
    assert (best.rung, best.cost_secs) == (Rung.SAME_DEVICE, 9e-3)


def test_a_device_of_the_same_model_is_the_second_rung(database: Database, session: int, make: Any) -> None:
    record = make.record(make.measured(1e-3), device=make.device(governor="powersave"))
    (number,) = database.add_records(session, [record])
    best = database.best_record(record.workload, record.target, make.device(governor="performance"))
    assert best is not None
    assert (best.rung, best.record.device) == (Rung.SAME_MODEL, record.device)
    assert str(best) == f"record {number}, same device model"
    assert database.best_record(record.workload, record.target, make.device(model="Epyc")) is None


def test_times_of_two_devices_of_a_model_are_not_compared(database: Database, session: int, make: Any) -> None:
    searched, lucky = make.device(governor="powersave"), make.device(governor="ondemand")
    records = [make.record(make.measured(2e-3 + tile * 1e-4), device=searched, tile=tile) for tile in (2, 4, 8)]
    database.add_records(session, [*records, make.record(make.measured(1e-3), device=lucky)])
    best = database.best_record(records[0].workload, records[0].target, make.device(governor="performance"))
    assert best is not None
    assert (best.record.device, best.cost_secs) == (searched, 2.2e-3)


def test_the_devices_of_a_target(database: Database, session: int, make: Any) -> None:
    much, little, failed = make.device("Cortex-A53"), make.device("Cortex-A72"), make.device("Cortex-A7")
    records = [make.record(make.measured(1e-3), device=much, tile=tile) for tile in (1, 2, 4)]
    records += [make.record(make.measured(1e-3), device=little), make.record(make.failed(), device=failed)]
    records.append(make.record(make.measured(1e-3), device=failed, source=Source.IMPORTED))
    database.add_records(session, records)
    assert database.devices(records[0].target) == [much, little]
    assert database.devices("llvm -mcpu=cortex-a8") == []


def test_a_verdict_on_one_device_says_nothing_of_another(database: Database, session: int, make: Any) -> None:
    here, there = make.device(governor="powersave"), make.device(governor="performance")
    record = make.record(make.measured(1e-3, verified=None), device=here)
    database.add_records(session, [record, make.record(make.measured(7e-3), device=there)])
    best = database.best_record(record.workload, record.target, here)
    assert best is not None
    assert (best.rung, best.cost_secs) == (Rung.SAME_MODEL, 7e-3)


def test_imported_times_count_only_when_asked(database: Database, session: int, make: Any) -> None:
    imported = make.record(make.measured(1e-3), source=Source.IMPORTED)
    (number,) = database.add_records(session, [imported])
    assert best_cost(database, imported) is None
    assert best_cost(database, imported, imported=True) == 1e-3
    best = database.best_record(imported.workload, imported.target, imported.device, imported=True)
    assert str(best) == f"record {number}, same device, imported"
    assert database.tried_keys(imported.workload, imported.target, imported.device) == set()
    assert database.statistics().imported == 1


def test_an_imported_verdict_vouches_for_no_measurement(database: Database, session: int, make: Any) -> None:
    record = make.record(make.measured(1e-3, verified=None))
    database.add_records(session, [record, make.record(make.measured(2e-3), source=Source.IMPORTED)])
    assert best_cost(database, record) is None


def test_what_was_tried_includes_failures(database: Database, session: int, make: Any) -> None:
    records = [make.record(tile=2), make.record(make.failed(), tile=4), make.record(tile=2)]
    elsewhere = make.record(tile=8, device=make.device(governor="powersave"))
    database.add_records(session, [*records, elsewhere, make.record(tile=16, width=9)])
    tried = database.tried_keys(records[0].workload, records[0].target, records[0].device)
    assert tried == {records[0].key, records[1].key}
    assert records[0].key == '{"order":["a","b"],"tile":2}'


def test_records_are_found_by_what_they_are(database: Database, session: int, make: Any) -> None:
    other_session = database.open_session(TuneSession(tuner="grid", seed=2))
    first, second = make.record(trial=0), make.record(make.failed(), trial=1, target="llvm -mcpu=generic")
    third = make.record(trial=2, device=make.device("Epyc"), width=9)
    numbers = database.add_records(session, [first, second]) + database.add_records(other_session, [third])

    def ids(**options: Any) -> list[int | None]:
        return [record.id for record in database.records(**options)]

    assert ids() == numbers
    assert ids(workload=first.workload) == numbers[:2]
    assert ids(target=second.target) == numbers[1:2]
    assert ids(device=third.device) == numbers[2:]
    assert ids(status=MeasureStatus.CRASH) == numbers[1:2]
    assert ids(session=other_session) == numbers[2:]
    assert ids(limit=2) == numbers[1:]
    assert ids(limit=0) == []
    assert ids(target="llvm -mcpu=unheard-of") == []


def test_sessions_say_who_did_what(database: Database, make: Any) -> None:
    given = TuneSession(
        tuner="xgb",
        seed=2**40,
        options={"trials": 64, "tasks": ("conv", "dense")},
        command_line="tilewright tune resnet18.onnx",
        who="ada@engine",
        compiler=CompilerVersion(version="0.1.0", git="1234567-dirty", llvm="20.1.8"),
    )
    before = datetime.now(UTC)
    first, second = database.open_session(given), database.open_session(TuneSession(tuner="ga", seed=3))
    database.add_records(first, [make.record(), make.record(make.failed()), make.record(make.failed(MeasureStatus.BUILD_TIMEOUT))])
    database.close_session(first, SessionStatus.INTERRUPTED)
    done, running = database.sessions()
    assert done.session == replace(given, options={"trials": 64, "tasks": ["conv", "dense"]})
    assert (done.id, done.status, done.trials, done.failed) == (first, SessionStatus.INTERRUPTED, 3, 2)
    assert done.ended is not None
    assert before <= done.started <= done.ended <= datetime.now(UTC)
    assert (running.id, running.status, running.ended, running.trials) == (second, SessionStatus.RUNNING, None, 0)
    assert running.session.compiler.llvm
    assert "@" in running.session.who


def test_counts_by_status_and_statistics(database: Database, session: int, make: Any) -> None:
    other = database.open_session(TuneSession(tuner="grid", seed=2))
    database.add_records(session, [make.record(tile=2), make.record(tile=4), make.record(make.failed(), width=9)])
    database.add_records(other, [make.record(make.failed(MeasureStatus.WRONG_ANSWER), device=make.device("Epyc"))])
    assert database.status_counts(session) == {MeasureStatus.OK: 2, MeasureStatus.CRASH: 1}
    assert database.status_counts() == {MeasureStatus.OK: 2, MeasureStatus.CRASH: 1, MeasureStatus.WRONG_ANSWER: 1}
    found = database.statistics()
    assert (found.workloads, found.targets, found.devices, found.sessions, found.records) == (2, 1, 2, 2, 4)
    assert found.url == database.url


def test_records_of_another_version_are_left_out_aloud(database: Database, session: int, make: Any) -> None:
    record = make.record(make.measured(2e-3), tile=2)
    strange, kept = database.add_records(session, [make.record(make.measured(1e-3)), record])
    alien = json.dumps({"format": 1, "steps": [["teleport", "i"]]})
    with database._writing.begin() as connection:
        connection.execute(text("UPDATE record SET schedule = :alien WHERE id = :strange"), {"alien": alien, "strange": strange})
    with pytest.warns(UnreadableRecordWarning, match=f"1 of 2 records .*record {strange}: unknown schedule step 'teleport'"):
        assert [each.id for each in database.records()] == [kept]
    assert best_cost(database, record) == 2e-3


def test_one_key_never_means_two_workloads(database: Database, session: int, make: Any) -> None:
    record = make.record()
    database.add_records(session, [record])
    with database._writing.begin() as connection:
        connection.execute(text("UPDATE workload SET canonical = :other"), {"other": make.workload(99).canonical})
    assert best_cost(database, record) is None
    with pytest.raises(DatabaseError, match=r"already stands for another workload .*nothing was added"):
        database.add_records(session, [record])
    assert len(database.records()) == 1


def test_threads_share_a_database(database: Database, session: int, make: Any) -> None:
    errors: list[BaseException] = []

    def work(place: int) -> None:
        try:
            for trial in range(15):
                record = make.record(make.measured(1.0 / (2 + trial)), width=8 + place % 2, tile=place, trial=trial)
                database.add_records(session, [record])
                assert best_cost(database, record) is not None
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that can report it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert database.statistics().records == 6 * 15


def test_a_reader_sees_one_moment(url: str, make: Any) -> None:
    with Database(url) as database, Database(url) as other:
        session = database.open_session(TuneSession(tuner="random", seed=0))
        with database._read("look twice") as reader:
            before = reader.scalar(select(func.count()).select_from(RecordRow))
            other.add_records(session, [make.record()])
            assert reader.scalar(select(func.count()).select_from(RecordRow)) == before == 0
        assert database.statistics().records == 1


def test_a_reader_cannot_write_to_a_server(postgresql_url: str) -> None:
    with Database(postgresql_url) as database, pytest.raises(DatabaseError, match="read-only"), database._read("write") as session:
        session.execute(text("DELETE FROM record"))


def test_a_writer_that_the_server_ended_for_another_begins_again(postgresql_url: str, make: Any) -> None:
    """The two want the same two targets, in opposite orders; the server ends whoever has waited for a second."""
    psycopg = pytest.importorskip("psycopg")
    insert = "INSERT INTO target (text) VALUES (%s) ON CONFLICT DO NOTHING"
    with Database(postgresql_url) as database, psycopg.connect(postgresql_url) as other:
        session = database.open_session(TuneSession(tuner="random", seed=0))
        other.execute("SET deadlock_timeout = '30s'")
        other.execute(insert, ["b"])
        writer = threading.Thread(target=database.add_records, args=(session, [make.record(target="a"), make.record(target="b")]))
        writer.start()
        with psycopg.connect(postgresql_url, autocommit=True) as observer:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            while observer.execute(waiting).fetchone() != (1,):
                time.sleep(0.01)
        other.execute(insert, ["a"])
        other.commit()
        writer.join()
        assert [record.target for record in database.records()] == ["a", "b"]
        assert database.statistics().targets == 2


def test_six_processes_read_the_best_and_insert(url: str, make: Any, start_child: Callable[..., subprocess.Popen[str]]) -> None:
    with Database(url) as database:
        database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), [make.record()])
        children = [start_child("compete", url, TRANSACTIONS) for _ in range(PROCESSES)]
        said = [(child.communicate()[1], child.returncode) for child in children]
        assert said == [("", 0)] * PROCESSES
        assert [summary.trials for summary in database.sessions()] == [1, *[TRANSACTIONS] * PROCESSES]
        trials = [record.trial for record in database.records(session=2)]
    assert trials == list(range(TRANSACTIONS))


def test_processes_may_open_an_empty_database_at_once(url: str, start_child: Callable[..., subprocess.Popen[str]]) -> None:
    children = [start_child("open_only", url) for _ in range(PROCESSES)]
    assert [(child.communicate()[1], child.returncode) for child in children] == [("", 0)] * PROCESSES
    with Database(url) as database:
        assert database.records() == []


def test_a_forked_child_goes_on_with_connections_of_its_own(url: str, make: Any, start_child: Callable[..., subprocess.Popen[str]]) -> None:
    with Database(url) as database:
        database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), [make.record()])
        child = start_child("use_after_fork", url)
        assert (child.communicate()[1], child.returncode) == ("", 0)
        assert [summary.trials for summary in database.sessions()] == [1, 20, 20]
