"""The database of measurements: `tuner` adds to it, `compiler.driver` asks it for schedules, `tilewright records` prints it.

Every method is one transaction, committed when it returns. One `Database` serves the threads of a process, and any number of processes may
open the same one; the file or server is the only thing that they share.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Pool, Select, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from compiler.driver import ScheduleChoice
from compiler.target import Target
from compiler.workload import Workload
from measure import Device, MeasureStatus
from records_db.connect import (
    IMPORT_LOCK,
    create_database_engine,
    in_memory,
    lock_server,
    lost_to_another_writer,
    parse_url,
    reading,
    sqlite_file,
    writing,
)
from records_db.errors import DatabaseError, UnreadableRecordWarning
from records_db.explain_failure import explain_failure, shown_url
from records_db.find_best import Leader, Task, best_on_device, devices_of, foreign_leaders, leaders, rungs
from records_db.foreign_record import ForeignRecord
from records_db.identify import (
    find_device,
    find_target,
    find_workload,
    keep_device,
    keep_target,
    keep_workload,
)
from records_db.import_log import ImportSummary, import_lines, numbered_lines
from records_db.migrate import SCHEMA, bring_up_to_date
from records_db.models import DeviceRow, OriginRow, RecordRow, SessionRow, TargetRow, WorkloadRow
from records_db.read_records import RecordReader
from records_db.record import BestRecord, Record, Source, now
from records_db.rows import encode_record
from records_db.session_rows import keep_session, list_sessions
from records_db.statistics import DatabaseStatistics
from records_db.tune_session import SessionStatus, SessionSummary, TuneSession
from records_db.write_own import write_origins, write_own

Result = TypeVar("Result")
ATTEMPTS = 10  # to write, on a server that ends one of two transactions which wait for each other


class Database:
    """A database at `sqlite:///FILE.db`, `sqlite://` (in memory) or `postgresql://USER@HOST/NAME`.

    An empty one gets its tables, an older one is migrated, a newer or foreign one is refused.

    create: whether a SQLite file that does not exist is made. Raises `DatabaseError` with one line, here and in every method.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._url = parse_url(url)
        file = sqlite_file(self._url)
        if not create and file is not None and not file.exists():
            raise DatabaseError(f"cannot open database {self.url}: there is no such file; name one that `tilewright tune --db` has made")
        self._engine = create_database_engine(self._url)
        self._reading, self._writing = reading(self._engine), writing(self._engine)
        self._process = os.getpid()
        self._inherited: list[Pool] = []
        try:
            with self._failures("open the database"):
                bring_up_to_date(self._engine)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """Without the password."""
        return shown_url(self._url)

    def close(self) -> None:
        """Gives the connections back; the next call would open new ones."""
        self._engine.dispose(close=os.getpid() == self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.url!r})"

    @contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeoutError) as error:
            raise explain_failure(error, doing, self._url) from error

    @contextmanager
    def _read(self, doing: str) -> Iterator[Session]:
        self._leave_parents_connections()
        with self._failures(doing), Session(self._reading, expire_on_commit=False) as session, session.begin():
            yield session

    def _write(self, doing: str, work: Callable[[Session], Result]) -> Result:
        """One transaction, begun again where a server ended it for another writer's sake."""
        self._leave_parents_connections()
        with self._failures(doing):
            for left in reversed(range(ATTEMPTS)):
                try:
                    with Session(self._writing, expire_on_commit=False) as session, session.begin():
                        return work(session)
                except DBAPIError as error:
                    if not left or not lost_to_another_writer(error):
                        raise
        raise AssertionError("the last attempt returns or raises")

    def _leave_parents_connections(self) -> None:
        """A forked child must not touch connections that it inherited: not even closing them is safe, so they are kept."""
        if os.getpid() == self._process:
            return
        if in_memory(self._url):
            raise DatabaseError(f"cannot use database {self.url} in a forked process: it lives in its parent's memory; use a file")
        self._inherited.append(self._engine.pool)
        self._engine.dispose(close=False)
        self._process = os.getpid()

    def open_session(self, tune_session: TuneSession) -> int:
        """Notes that a tuning session starts now; its id is what `add_records` and `close_session` take."""
        return self._write("open a session", lambda session: keep_session(session, tune_session))

    def close_session(self, session_id: int, status: SessionStatus) -> None:
        """Notes that a session ended now, and how."""

        def close(session: Session) -> None:
            row = self._session_row(session, session_id)
            row.status, row.ended = status.value, now()

        self._write("close a session", close)

    def add_records(self, session_id: int, records: Sequence[Record]) -> list[int]:
        """Adds all records or none; their ids, in order. `Record.id` and `Record.session` of what is given are not looked at."""

        def add(session: Session) -> list[int]:
            self._session_row(session, session_id)
            # In one order everywhere, so that two writers to one server seldom wait for each other in a circle.
            workloads = {each.workload for each in records}
            workload_ids = {each: keep_workload(session, each) for each in sorted(workloads, key=lambda each: each.key)}
            target_ids = {each: keep_target(session, each) for each in sorted({each.target for each in records})}
            devices = {each.device.fingerprint: each.device for each in records}
            device_ids = {name: keep_device(session, devices[name]) for name in sorted(devices)}
            rows = [
                {
                    "session_id": session_id,
                    "workload_id": workload_ids[each.workload],
                    "target_id": target_ids[each.target],
                    "device_id": device_ids[each.device.fingerprint],
                    **encode_record(each),
                }
                for each in records
            ]
            return list(session.scalars(insert(RecordRow).returning(RecordRow.id, sort_by_parameter_order=True), rows))

        return self._write("add records", add) if records else []

    def _session_row(self, session: Session, session_id: int) -> SessionRow:
        row = session.get(SessionRow, session_id)
        if row is None:
            raise DatabaseError(f"{self.url} has no session {session_id}; open one with `open_session`")
        return row

    def best_record(self, workload: Workload, target: Target | str, device: Device, *, imported: bool = False) -> BestRecord | None:
        """The fastest verified record for this workload and target, from this device or else from another of its model; see `find_best.py`.

        imported: let the times of imported records count too.
        """
        sources = (Source.MEASURED, Source.IMPORTED) if imported else (Source.MEASURED,)
        with self._read("look up the best record") as session:
            workload_id, target_id = find_workload(session, workload), find_target(session, str(target))
            if workload_id is None or target_id is None:
                return None
            task, reader = Task(workload_id, target_id, sources), RecordReader(session)
            answers = (best_on_device(session, reader, task, device_id, rung) for rung, device_id in rungs(session, task, device))
            return next(filter(None, answers), None)

    def best_schedule(self, workload: Workload, target: Target, device: Device) -> ScheduleChoice | None:
        """What `compile_model` asks for each kernel."""
        best = self.best_record(workload, target, device)
        if best is None:
            return None
        return ScheduleChoice(best.record.schedule, str(best), best.cost_secs, best.verification.max_error)

    def leaders(self) -> list[Leader]:
        """The best record of every workload and target on every device that measured it, as compilation there would choose it."""
        with self._read("look up the best records") as session:
            return list(leaders(session, RecordReader(session)))

    def devices(self, target: Target | str) -> list[Device]:
        """Those that measured code for the target, the one with the most times first."""
        with self._read("list the devices of a target") as session:
            return devices_of(session, str(target))

    def foreign_leaders(self) -> list[ForeignRecord]:
        """The fastest record of other tools for every workload and target; nobody has verified them here."""
        with self._read("look up the fastest imported records") as session:
            return list(foreign_leaders(session, RecordReader(session)))

    def records(
        self,
        workload: Workload | None = None,
        target: Target | str | None = None,
        device: Device | None = None,
        *,
        status: MeasureStatus | None = None,
        session: int | None = None,
        limit: int | None = None,
    ) -> list[Record]:
        """The records that fit, oldest first; with a limit the newest. Those that this version cannot read are left out, with a warning.

        Records of other tools are none of these: see `foreign_records` and `entries`.
        """
        with self._read("read records") as transaction:
            query = self._task_query(transaction, select(RecordRow).where(RecordRow.origin_id.is_(None)), workload, target, device)
            read = [] if query is None else self._newest(transaction, query, status, session, limit)
        return [each for each in self._readable(read) if isinstance(each, Record)]

    def foreign_records(self, workload: Workload | None = None, *, limit: int | None = None) -> list[ForeignRecord]:
        """The same of records of other tools. workload: what they computed, in Tilewright's words (`plain_form`)."""
        with self._read("read imported records") as transaction:
            query = self._task_query(transaction, select(RecordRow).where(RecordRow.origin_id.is_not(None)), workload, None, None)
            read = [] if query is None else self._newest(transaction, query, None, None, limit)
        return [each for each in self._readable(read) if isinstance(each, ForeignRecord)]

    def entries(
        self, *, status: MeasureStatus | None = None, session: int | None = None, limit: int | None = None
    ) -> list[Record | ForeignRecord]:
        """Both kinds, for people."""
        with self._read("read records") as transaction:
            read = self._newest(transaction, select(RecordRow), status, session, limit)
        return self._readable(read)

    def _newest(
        self, transaction: Session, query: Select[Any], status: MeasureStatus | None, session: int | None, limit: int | None
    ) -> list[Record | ForeignRecord | str]:
        """Oldest first; of what cannot be read, why."""
        if status is not None:
            query = query.where(RecordRow.status == status.value)
        if session is not None:
            query = query.where(RecordRow.session_id == session)
        rows = transaction.scalars(query.order_by(RecordRow.id.desc()).limit(limit)).all()
        reader = RecordReader(transaction)
        return [reader.read_any(row) for row in reversed(rows)]

    def _readable(self, read: Sequence[Record | ForeignRecord | str]) -> list[Record | ForeignRecord]:
        unread = [each for each in read if isinstance(each, str)]
        if unread:
            text = f"{len(unread)} of {len(read)} records of {self.url} are in a format that this version cannot read ({unread[0]})"
            warnings.warn(text, UnreadableRecordWarning, stacklevel=3)
        return [each for each in read if not isinstance(each, str)]

    def import_log(self, path: Path, *, log_format: str | None = None, skip_bad: bool = False, command_line: str = "") -> ImportSummary:
        """Adds the records of a file, of Tilewright's own or of another tool's, all of them or none; those that are there stay as they are.

        log_format: one of `known_formats()`; None to tell by the file. skip_bad: leave out lines that cannot be read, but tell of them.
        """

        def add(session: Session) -> ImportSummary:
            lock_server(session.connection(), IMPORT_LOCK)
            return import_lines(session, numbered_lines(path), str(path), log_format, command_line, skip_bad=skip_bad)

        return self._write("import records", add)

    def export_lines(self) -> Iterator[str]:
        """Everything, as lines that `import_log` reads."""
        with self._read("export records") as session:
            yield from write_own(session, SCHEMA)

    def export_log(self, log_format: str) -> Iterator[str]:
        """The lines that were imported from logs of this format, as they were."""
        with self._read("export records") as session:
            yield from write_origins(session, log_format)

    def tried_keys(self, workload: Workload, target: Target | str, device: Device) -> set[str]:
        """The keys of all candidates that were measured on this very device, whatever came of it, so that a resumed tune repeats none."""
        with self._read("read what was tried") as session:
            query = self._task_query(session, select(RecordRow.decisions).distinct(), workload, target, device)
            return set() if query is None else set(session.scalars(query.where(RecordRow.source == Source.MEASURED.value)))

    def _task_query(
        self,
        session: Session,
        query: Select[Any],
        workload: Workload | None,
        target: Target | str | None,
        device: Device | None,
    ) -> Select[Any] | None:
        """`query` narrowed to what is given; None if the database has never seen one of them."""
        ids = {
            RecordRow.workload_id: -1 if workload is None else find_workload(session, workload),
            RecordRow.target_id: -1 if target is None else find_target(session, str(target)),
            RecordRow.device_id: -1 if device is None else find_device(session, device),
        }
        if None in ids.values():
            return None
        return query.where(*(column == number for column, number in ids.items() if number != -1))

    def status_counts(self, session: int | None = None) -> dict[MeasureStatus, int]:
        """How many measurements ended in what way, of all or of one session; what did not occur is left out."""
        with self._read("count records") as transaction:
            query = select(RecordRow.status, func.count()).group_by(RecordRow.status)
            if session is not None:
                query = query.where(RecordRow.session_id == session)
            found = dict(transaction.execute(query).all())
        return {status: found[status.value] for status in MeasureStatus if status.value in found}

    def sessions(self) -> list[SessionSummary]:
        """All sessions, oldest first."""
        with self._read("list sessions") as session:
            return list_sessions(session)

    def statistics(self) -> DatabaseStatistics:
        """Everything counted."""
        by_status = self.status_counts()
        file = sqlite_file(self._url)
        with self._read("count records") as session:
            count = {table: session.scalar(select(func.count()).select_from(table)) or 0 for table in COUNTED}
            imported = session.scalar(select(func.count()).where(RecordRow.source == Source.IMPORTED.value)) or 0
            foreign = dict(session.execute(select(OriginRow.format, func.count()).group_by(OriginRow.format)).all())
        return DatabaseStatistics(
            url=self.url,
            schema=SCHEMA,
            workloads=count[WorkloadRow],
            targets=count[TargetRow],
            devices=count[DeviceRow],
            sessions=count[SessionRow],
            records=sum(by_status.values()),
            by_status=by_status,
            imported=imported,
            foreign=foreign,
            size_bytes=None if file is None else sum(part.stat().st_size for part in (file, Path(f"{file}-wal")) if part.exists()),
        )


COUNTED = (WorkloadRow, TargetRow, DeviceRow, SessionRow)
