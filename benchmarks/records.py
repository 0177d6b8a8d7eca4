"""How long the database's questions take when it is large: `python -m benchmarks.records [--db URL] [--records 300000]`.

Without --db a SQLite file in a temporary folder; a database that is named has to be empty. Prints one line per question.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import create_engine, text

from compiler.schedule import Schedule
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import Device, Measurement, MeasureStatus, Verification
from records_db import Database, Record, TuneSession
from records_db.connect import parse_url

WORKLOADS = 200
TARGET = "llvm -mcpu=skylake-avx512 -num-cores=2"
DEVICE = Device(model="Xeon", cores=2, facts=(("governor", "performance"),))

SPREAD = text(
    """
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
    INSERT INTO record (
        workload_id, target_id, device_id, session_id, trial, source,
        schedule, schedule_key, decisions, status, error, run_secs, cost, statistic,
        stopped_early, verdict, tolerance, max_error, input_seed, build_secs, measure_secs, facts, created)
    SELECT
        1 + n % :workloads, target_id, device_id, session_id, n, source,
        replace(schedule, '[4]', '[' || n || ']'), substr(CAST(10000000000000000 + n AS TEXT), 2), replace(decisions, '4', CAST(n AS TEXT)),
        CASE WHEN n % 10 = 0 THEN 'crash' ELSE 'ok' END, CASE WHEN n % 10 = 0 THEN 'signal 11' ELSE '' END,
        CASE WHEN n % 10 = 0 THEN '[]' ELSE run_secs END,
        CASE WHEN n % 10 = 0 THEN NULL ELSE 1.0 + n * 1e-6 END, statistic,
        stopped_early, CASE WHEN n % 7 = 0 AND n % 10 <> 0 THEN verdict END, tolerance, max_error, input_seed,
        build_secs, measure_secs, facts, created
    FROM number CROSS JOIN (SELECT * FROM record ORDER BY id LIMIT 1) AS template
    """
)


def record(width: int) -> Record:
    """A slow, verified one; the first of its workload."""
    schedule = Schedule.from_json({"format": 1, "steps": [["split", "relu.d1", [4]], ["vectorize", "relu.d1.1"]]})
    verification = Verification(passed=True, tolerance=1e-4, max_error=2e-7, input_seed=11)
    return Record(
        workload=Workload((Argument(TensorType((1, width))),), (GroupOp("relu", (("arg", 0),)),)),
        target=TARGET,
        device=DEVICE,
        schedule=schedule,
        decisions={"tile": 4, "order": ["a", "b"]},
        measurement=Measurement(status=MeasureStatus.OK, run_secs=(1e3,), verification=verification),
    )


def fill(url: str, records: int, workloads: int = WORKLOADS) -> None:
    """An empty database: `records` ones of `workloads`, one in ten failed, one in seven verified, all of them different candidates."""
    with Database(url) as database:
        session = database.open_session(TuneSession(tuner="random", seed=0))
        database.add_records(session, [record(8 + place) for place in range(workloads)])
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        connection.execute(SPREAD, {"count": records, "workloads": workloads})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def questions(database: Database) -> dict[str, Callable[[], object]]:
    """By name, as the commands and the search ask them."""
    some = record(9)
    return {
        "best of one workload": lambda: database.best_record(some.workload, some.target, some.device),
        "candidates tried of one workload": lambda: database.tried_keys(some.workload, some.target, some.device),
        "records of one workload, for a search to go on": lambda: database.records(some.workload, some.target, some.device),
        "records best": database.leaders,
        "records list": lambda: database.entries(limit=50),
        "records stats": lambda: (database.statistics(), database.sessions()),
    }


def least_secs(ask: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return min(taken)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.records", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--db", help="sqlite:///FILE or postgresql://USER@HOST/NAME, of an empty database")
    parser.add_argument("--records", type=int, default=300_000)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        url = given.db or f"sqlite:///{Path(folder) / 'records.db'}"
        fill(url, given.records)
        with Database(url) as database:
            print(f"{database.url}: {given.records} records of {WORKLOADS} workloads; least of 3 times")
            for name, ask in questions(database).items():
                print(f"{least_secs(ask) * 1e3:10.2f} ms  {name}")


if __name__ == "__main__":
    main()
