"""The best-record query on a large table: through its index, and its time printed."""

import sys

import pytest

from benchmarks.records import fill, least_secs, questions, record
from records_db import Database, Source
from records_db import read_records as read_records_module
from records_db.find_best import Task, best_query

RECORDS = 50_000
WORKLOADS = 20


def test_the_best_of_many(url: str) -> None:
    fill(url, RECORDS, WORKLOADS)
    some = record(9)
    with Database(url) as database:
        for name, ask in questions(database).items():
            sys.stdout.write(f"{RECORDS} records: {name} {least_secs(ask) * 1e3:.1f} ms\n")
        best = database.best_record(some.workload, some.target, some.device)
        tried = database.tried_keys(some.workload, some.target, some.device)
        leaders = database.leaders()
    assert best is not None
    assert best.record.decisions["tile"] % 7 == 0  # only these were compared with the reference
    assert len(tried) == RECORDS // WORKLOADS + 1
    assert [leader.best for leader in leaders if leader.best.record.workload == some.workload] == [best]
    assert sum(leader.trials for leader in leaders) == WORKLOADS + RECORDS * 9 // 10


@pytest.mark.parametrize("name", ["records best", "records list", "best of one workload"])
def test_few_records_are_decoded(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fill(sqlite_url, 2000, WORKLOADS)
    decoded = []
    decode = read_records_module.decode_schedule
    monkeypatch.setattr(read_records_module, "decode_schedule", lambda text: decoded.append(text) or decode(text))
    with Database(sqlite_url) as database:
        questions(database)[name]()
    assert 0 < len(decoded) <= {"records best": WORKLOADS, "records list": 50, "best of one workload": 1}[name]


def test_the_query_plan_uses_the_partial_indexes(sqlite_url: str) -> None:
    with Database(sqlite_url) as database, database._engine.connect() as connection:
        query = best_query(Task(1, 1, (Source.MEASURED,)), 1).compile(database._engine, compile_kwargs={"literal_binds": True})
        plan = " ".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert "ix_record_best (workload_id=? AND target_id=? AND device_id=?)" in plan
    assert "ix_record_verdict (workload_id=? AND target_id=? AND device_id=? AND schedule_key=?)" in plan
    assert "SCAN" not in plan
