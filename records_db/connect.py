"""A database URL -> an engine whose connections are set up alike. Next: `migrate.py`, which brings the tables up to date.

SQLite with several processes, measured with six that each read the best and then insert, 360 transactions: the default journal fails 198
times ("database is locked"), a write-ahead log with a plain BEGIN 254 times (a reader that turns writer cannot wait), and with BEGIN
IMMEDIATE for whoever is going to write never. Hence two kinds of transaction, told apart by the engine: as made here, or `writing(engine)`.

PostgreSQL is told the same two kinds. A reader sees one moment, as SQLite's readers do. Writers see what others have just committed, which
INSERT ... ON CONFLICT needs; two that wait for each other in a circle are told apart by the server, and the one that it ends begins again.
"""

import time
import warnings
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from records_db.errors import DatabaseError, NetworkFileSystemWarning
from records_db.explain_failure import shown_url
from records_db.network_file_system import network_file_system

BUSY_TIMEOUT_SECS = 60.0
CONNECT_TIMEOUT_SECS = 10
MIGRATION_LOCK = 0x7469_6C65  # any numbers that no other program on the server uses for its advisory locks
IMPORT_LOCK = MIGRATION_LOCK + 1
WRITES = "tilewright_writes"
LOST_STATES = ("40001", "40P01")  # serialization_failure, deadlock_detected
SUPPORTED = "sqlite:///FILE.db or postgresql://USER@HOST/NAME"


def parse_url(text: str) -> URL:
    """A URL of one of the two supported databases, with its driver."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        advice = f"write sqlite:///{text}" if text and ":" not in text else f"write {SUPPORTED}"
        raise DatabaseError(f"cannot open database {text!r}: it is not a database URL; {advice}") from error
    backend = url.get_backend_name()
    if backend == "sqlite" and (url.host or url.drivername not in ("sqlite", "sqlite+pysqlite")):
        raise DatabaseError(f"cannot open database {text!r}: not the URL of a SQLite file; write sqlite:///{url.host or 'FILE.db'}")
    if backend == "sqlite":
        return url.set(drivername="sqlite")
    if backend == "postgresql" and url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseError(f"cannot open database {shown_url(url)}: {url.drivername!r} is not supported; write {SUPPORTED}")


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite URL; None for one in memory and for a server's."""
    if url.get_backend_name() != "sqlite" or in_memory(url):
        return None
    return Path((url.database or "").removeprefix("file:"))


def in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and (url.database or ":memory:") == ":memory:"


def create_database_engine(url: URL) -> Engine:
    """An engine that has not connected yet."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_SECS})
    except ImportError as error:
        advice = "install it with `pip install 'tilewright[postgresql]'`"
        raise DatabaseError(f"cannot open database {shown_url(url)}: the driver psycopg is not installed; {advice}") from error


def _sqlite_engine(url: URL) -> Engine:
    file = sqlite_file(url)
    if file is not None:
        if not file.parent.is_dir():
            raise DatabaseError(f"cannot open database {shown_url(url)}: there is no folder {file.parent}; create it")
        kind = network_file_system(file)
        if kind is not None:
            text = f"{file} is on a network file system ({kind}): let only one machine write to it at a time, or use a PostgreSQL URL"
            warnings.warn(text, NetworkFileSystemWarning, stacklevel=4)
    pool: dict[str, Any] = {"pool_size": 1, "max_overflow": 0} if file is None else {}
    arguments = {"timeout": BUSY_TIMEOUT_SECS, "check_same_thread": False}
    engine = create_engine(url, poolclass=QueuePool, connect_args=arguments, **pool)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """No transactions of the driver's own; `timeout` above has set busy_timeout already."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")


def reading(engine: Engine) -> Engine:
    """The same engine, whose transactions see the database as it was at one moment."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine


def writing(engine: Engine) -> Engine:
    """The same engine, whose transactions ask for the right to write when they begin."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="READ COMMITTED", postgresql_readonly=False)
    return engine.execution_options(**{WRITES: True})


def lost_to_another_writer(error: DBAPIError) -> bool:
    """Whether the server ended a transaction for another's sake, so that it can be begun again."""
    return getattr(error.orig, "sqlstate", None) in LOST_STATES


def use_write_ahead_log(engine: Engine) -> None:
    """Once per file, which remembers it; a read-only one stays as it is.

    Waits for other processes that are just doing the same, which SQLite's own timeout does not cover.
    """
    if sqlite_file(engine.url) is None:
        return
    deadline = time.monotonic() + BUSY_TIMEOUT_SECS
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        while cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                cursor.execute("PRAGMA journal_mode=WAL")
            except engine.dialect.loaded_dbapi.OperationalError as error:
                name = getattr(error, "sqlite_errorname", "")
                if name.startswith("SQLITE_READONLY"):
                    break  # it can still be read
                if not name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or time.monotonic() > deadline:
                    raise OperationalError("PRAGMA journal_mode=WAL", None, error) from error
                time.sleep(0.01)
        cursor.close()
    finally:
        connection.close()


def lock_server(connection: Connection, lock: int) -> None:
    """Let one process at a time hold `lock`; until the transaction ends. SQLite's writers hold the whole file anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock})")
