"""What the tests run in processes of their own: `python child.py WHAT URL [NUMBER]`."""

import dataclasses
import os
import resource
import sys

from measure import Measurement, MeasureStatus
from records_db import Database, DatabaseError, Record, TuneSession

NOBODY = 65534


def first_record(database: Database) -> Record:
    return database.records(limit=1)[0]


def compete(url: str, times: int) -> None:
    """Reads the best and then adds a record, `times` times."""
    with Database(url) as database:
        record = first_record(database)
        session = database.open_session(TuneSession(tuner="random", seed=os.getpid()))
        for trial in range(times):
            best = database.best_record(record.workload, record.target, record.device)
            assert best is not None
            secs = record.measurement.run_secs[0] / (2 + trial)
            measurement = dataclasses.replace(record.measurement, run_secs=(secs,))
            database.add_records(session, [dataclasses.replace(record, trial=trial, measurement=measurement)])


def write_batches(url: str, size: int) -> None:
    """Adds batches for ever; says after each how many records were committed."""
    with Database(url) as database:
        record = first_record(database)
        session = database.open_session(TuneSession(tuner="random", seed=0))
        committed = 0
        while True:
            database.add_records(session, [dataclasses.replace(record, trial=committed + place) for place in range(size)])
            committed += size
            sys.stdout.write(f"{committed}\n")
            sys.stdout.flush()


def open_only(url: str, _: int) -> None:
    Database(url).close()


def use_read_only(url: str, _: int) -> None:
    """As somebody who may not write: reads the best, then tries to add."""
    with Database("sqlite://"):  # everything is imported before the rights are given up
        pass
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    with Database(url) as database:
        record = first_record(database)
        sys.stdout.write(f"{database.best_record(record.workload, record.target, record.device)}\n")
        sys.stdout.flush()
        database.add_records(1, [record])


def fill(url: str, limit_bytes: int) -> None:
    """Adds large records until the file may not grow; 0 for no limit but the disk's."""
    if limit_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    with Database(url) as database:
        record = first_record(database)
        error = Measurement(status=MeasureStatus.CRASH, error="x" * 20_000)
        session = database.open_session(TuneSession(tuner="random", seed=0))
        while True:
            database.add_records(session, [dataclasses.replace(record, measurement=error)] * 5)
            sys.stdout.write("committed 5\n")
            sys.stdout.flush()


def use_after_fork(url: str, _: int) -> None:
    """Parent and child use one `Database` made before the fork."""
    with Database(url) as database:
        record = first_record(database)
        child = os.fork()
        session = database.open_session(TuneSession(tuner="random", seed=0))
        for trial in range(20):
            database.add_records(session, [dataclasses.replace(record, trial=trial)])
        if child == 0:
            database.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0


COMMANDS = {
    "compete": compete,
    "write_batches": write_batches,
    "open_only": open_only,
    "use_read_only": use_read_only,
    "fill": fill,
    "use_after_fork": use_after_fork,
}

if __name__ == "__main__":
    try:
        COMMANDS[sys.argv[1]](sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    except DatabaseError as error:
        sys.exit(f"DatabaseError: {error}")
