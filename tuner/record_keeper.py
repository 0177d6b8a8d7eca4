"""Brings measured trials into the database, several at a time, and tells of each when it is there.

A commit takes 3 ms and 0.3 ms per record, so single commits would take a tenth of a trial. What waits is lost if the process is killed: the
trials of `COMMIT_SECS`, less than the batch in flight. In: trials and their events. Out: records. Below: `records_db`.
"""

import time
from dataclasses import replace

from measure import Measurement
from records_db import Database, Record
from tuner.events import Event, Listener

COMMIT_SECS = 0.25
NOISE_FACT = "noise"  # how many times its calm time the reference kernel took
REPEATED_FACT = "repeated"  # measured again, since noise had spoiled an earlier time


class RecordKeeper:
    """Of one session."""

    def __init__(self, database: Database, session: int, on_event: Listener) -> None:
        self._database = database
        self._session = session
        self._on_event = on_event
        self._waiting: list[tuple[Record, Event | None]] = []
        self._committed_secs = time.monotonic()

    def add(self, record: Record, event: Event | None = None) -> None:
        """Commits if the last time is long enough ago. event: told as soon as the record is in the database."""
        self._waiting.append((record, event))
        if time.monotonic() - self._committed_secs >= COMMIT_SECS:
            self.flush()

    def mark_noisy(self, excess: float) -> None:
        """What is not committed yet was measured beside a noisy neighbour."""
        self._waiting = [
            (replace(record, measurement=with_fact(record.measurement, NOISE_FACT, excess)), event) for record, event in self._waiting
        ]

    def flush(self) -> None:
        """Commits all that waits. Raises `DatabaseError`; an interruption finds out what had been committed, and commits the rest."""
        waiting = self._waiting
        records = [record for record, _ in waiting]
        try:
            self._database.add_records(self._session, records)
            self._waiting = []
        except KeyboardInterrupt:
            known = {_identity(record) for record in self._database.records(session=self._session)}
            self._database.add_records(self._session, [record for record in records if _identity(record) not in known])
            self._waiting = []
            raise
        self._committed_secs = time.monotonic()
        for _, event in waiting:
            if event is not None:
                self._on_event(event)


def _identity(record: Record) -> tuple[object, ...]:
    return (record.workload.key, record.key, record.trial, record.measurement.status, record.measurement.run_secs)


def with_fact(measurement: Measurement, name: str, value: float | bool) -> Measurement:
    return replace(measurement, facts=(*measurement.facts, (name, value)))
