"""The best-record query on a large table: through its index, and its time printed."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from records_db import Database, Source, TuneSession
from records_db.find_best import Task, best_query

RECORDS = 100_000
QUERIES = 50

SPREAD = text(
    """
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
    INSERT INTO record (
        workload_id, target_id, device_id, session_id, trial, source,
        schedule, schedule_key, decisions, status, error, run_secs, cost, statistic,
        stopped_early, verdict, tolerance, max_error, input_seed, build_secs, measure_secs, facts, created)
    SELECT
        1 + n % :workloads, target_id, device_id, session_id, n, source,
        replace(schedule, '[4]', '[' || n || ']'), substr('0000000000000000' || n, -16), replace(decisions, '4', n),
        CASE WHEN n % 10 = 0 THEN 'crash' ELSE 'ok' END, '', run_secs,
        CASE WHEN n % 10 = 0 THEN NULL ELSE 1.0 + n * 1e-6 END, statistic,
        stopped_early, CASE WHEN n % 7 = 0 THEN verdict END, tolerance, max_error, input_seed, build_secs, measure_secs, facts, created
    FROM number, (SELECT * FROM record LIMIT 1)
    """
)


@pytest.fixture
def large(tmp_path: Path, make: Any) -> Any:
    with Database(f"sqlite:///{tmp_path / 'records.db'}") as database:
        session = database.open_session(TuneSession(tuner="random", seed=0))
        database.add_records(session, [make.record(make.measured(1e3), width=width) for width in range(8, 28)])
        with database._writing.begin() as connection:
            connection.execute(SPREAD, {"count": RECORDS, "workloads": 20})
        yield database


def test_the_best_of_many_is_found_through_the_index(large: Database, make: Any) -> None:
    record = make.record(width=9)
    start = time.perf_counter()
    for _ in range(QUERIES):
        best = large.best_record(record.workload, record.target, record.device)
    query_ms = (time.perf_counter() - start) / QUERIES * 1e3
    start = time.perf_counter()
    tried = large.tried_keys(record.workload, record.target, record.device)
    tried_ms = (time.perf_counter() - start) * 1e3
    sys.stdout.write(f"{RECORDS} records: best_record {query_ms:.2f} ms, tried_keys of {len(tried)} {tried_ms:.1f} ms\n")
    assert best is not None
    assert best.record.decisions["tile"] % 7 == 0  # only these were compared with the reference
    assert len(tried) == RECORDS // 20 + 1


def test_the_query_plan_uses_the_partial_indexes(sqlite_url: str) -> None:
    with Database(sqlite_url) as database, database._engine.connect() as connection:
        query = best_query(Task(1, 1, (Source.MEASURED,)), 1).compile(database._engine, compile_kwargs={"literal_binds": True})
        plan = " ".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert "ix_record_best (workload_id=? AND target_id=? AND device_id=?)" in plan
    assert "ix_record_verdict (workload_id=? AND target_id=? AND device_id=? AND schedule_key=?)" in plan
    assert "SCAN" not in plan
