"""Everything that can be wrong with the place where records are kept: one clear line each, and nothing lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from compiler.errors import TilewrightError
from records_db import Database, DatabaseError, NetworkFileSystemWarning, TuneSession, without_password
from records_db import connect as connect_module
from records_db.network_file_system import network_file_system

StartChild = Callable[..., subprocess.Popen[str]]


def refusal(url: str, **options: Any) -> str:
    """The one line that opening `url` is refused with."""
    with pytest.raises(DatabaseError) as caught:
        Database(url, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def count_records(file: Path) -> int:
    """Read by SQLite alone, after asking it whether the file is whole."""
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found: int = connection.execute("SELECT count(*) FROM record").fetchone()[0]
        return found
    finally:
        connection.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="tilewright-records-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_database_error_is_one_of_ours() -> None:
    assert issubclass(DatabaseError, TilewrightError)


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("tuned.db", "it is not a database URL; write sqlite:///tuned.db"),
        ("", "write sqlite:///FILE.db or postgresql://USER@HOST/NAME"),
        ("sqlite:/tuned.db", "it is not a database URL; write sqlite:///FILE.db"),
        ("sqlite://tuned.db", "write sqlite:///tuned.db"),
        ("sqlite+aiosqlite:///tuned.db", "not the URL of a SQLite file"),
        ("postgresql://host:port/name", "it is not a database URL"),
        ("postgresql+pg8000://host/name", "'postgresql+pg8000' is not supported"),
        ("mysql://ada:secret@host/name", "'mysql' is not supported; write sqlite:///FILE.db"),
        ("nonsense://host/name", "'nonsense' is not supported"),
    ],
)
def test_a_wrong_url_is_refused(url: str, advice: str) -> None:
    line = refusal(url)
    assert advice in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("tuned.db", "tuned.db"),
        ("sqlite:///tuned.db", "sqlite:///tuned.db"),
        ("postgresql://ada@host/name", "postgresql://ada@host/name"),
        ("postgresql://ada:secret@host:5433/name", "postgresql://ada:***@host:5433/name"),
    ],
)
def test_a_url_is_shown_as_it_was_typed_but_for_its_password(typed: str, shown: str) -> None:
    assert without_password(typed) == shown


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"there is no folder {tmp_path}/no; create it" in refusal(f"sqlite:///{tmp_path}/no/records.db")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert "it cannot be opened" in refusal(f"sqlite:///{tmp_path}")


def test_a_missing_file_is_made_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "records.db"
    assert "there is no such file" in refusal(f"sqlite:///{file}", create=False)
    assert not file.exists()
    Database(f"sqlite:///{file}").close()
    Database(f"sqlite:///{file}", create=False).close()


@pytest.mark.parametrize("content", [b"\x89PNG\r\n" * 400, b"# a tuning log\n" * 100])
def test_a_file_of_another_kind_is_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "records.db"
    file.write_bytes(content)
    assert "it is not a SQLite database" in refusal(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE trials (id INTEGER)")
    connection.close()
    content = file.read_bytes()
    assert "it belongs to another program (tables trials)" in refusal(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_a_truncated_file_is_damaged(tmp_path: Path, make: Any) -> None:
    file = tmp_path / "records.db"
    with Database(f"sqlite:///{file}") as database:
        session = database.open_session(TuneSession(tuner="random", seed=0))
        database.add_records(session, [make.record(tile=tile) for tile in range(1, 200)])
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DatabaseError, match="the file is damaged") as caught, Database(f"sqlite:///{file}") as database:
        database.records()
    assert "\n" not in str(caught.value)


def test_a_read_only_file_is_read_and_not_written(open_folder: Path, make: Any, start_child: StartChild) -> None:
    file = open_folder / "records.db"
    url = f"sqlite:///{file}"
    with Database(url) as database:
        database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), [make.record()])
    file.chmod(0o444)
    open_folder.chmod(0o777)
    child = start_child("use_read_only", url)
    out, error = child.communicate()
    assert out == "record 1, same device\n"
    assert error.startswith(f"DatabaseError: cannot add records: {url}: it is read-only")
    assert (error.count("\n"), child.returncode) == (1, 1)
    assert count_records(file) == 1


def test_a_read_only_folder_is_refused(open_folder: Path, make: Any, start_child: StartChild) -> None:
    url = f"sqlite:///{open_folder / 'records.db'}"
    with Database(url) as database:
        database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), [make.record()])
    open_folder.chmod(0o555)
    child = start_child("use_read_only", url)
    out, error = child.communicate()
    open_folder.chmod(0o755)
    assert error.startswith("DatabaseError: cannot ")
    assert "make the file and its folder writable" in error or "check that its folder exists and that you may write there" in error
    assert (out, error.count("\n"), child.returncode) == ("", 1, 1)


def test_a_file_that_may_not_grow_loses_nothing(tmp_path: Path, make: Any, start_child: StartChild) -> None:
    file = tmp_path / "records.db"
    url = f"sqlite:///{file}"
    with Database(url) as database:
        database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), [make.record()])
    check_full(start_child("fill", url, 2_000_000), file)


def test_a_full_disk_loses_nothing(open_folder: Path, make: Any, start_child: StartChild) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(open_folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting a small file system needs root: {mounted.stderr.decode().strip()}; the test before limits the file instead")
    try:
        file = open_folder / "records.db"
        url = f"sqlite:///{file}"
        with Database(url) as database:
            database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), [make.record()])
        check_full(start_child("fill", url), file)
    finally:
        subprocess.run(["umount", str(open_folder)], check=True)


def check_full(child: subprocess.Popen[str], file: Path) -> None:
    out, error = child.communicate()
    committed = 5 * out.count("committed")
    assert committed > 0
    assert error.startswith(f"DatabaseError: cannot add records: sqlite:///{file}: its disk ")
    assert "everything committed before is kept" in error
    assert (error.count("\n"), child.returncode) == (1, 1)
    assert count_records(file) == 1 + committed


@pytest.mark.parametrize("batches", [1, 4, 9])
def test_a_killed_writer_loses_at_most_the_batch_in_flight(sqlite_url: str, make: Any, start_child: StartChild, batches: int) -> None:
    size = 50
    with Database(sqlite_url) as database:
        database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), [make.record()])
    child = start_child("write_batches", sqlite_url, size)
    assert child.stdout is not None
    for _ in range(batches):
        line = child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate()
    committed = int((rest.split() or [line])[-1])
    assert child.returncode == -signal.SIGKILL
    with Database(sqlite_url) as database:
        trials = [record.trial for record in database.records(session=2)]
        assert trials == list(range(len(trials)))
        assert len(trials) in (committed, committed + size)
        database.add_records(2, [make.record(trial=len(trials))])
    count_records(Path(sqlite_url.removeprefix("sqlite:///")))


def test_a_server_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'tilewright[postgresql]'")
    line = refusal(f"postgresql://ada:secret@/name?host={tmp_path}")
    assert "cannot open the database: postgresql+psycopg://ada:***@/name" in line
    assert "the server cannot be reached" in line
    assert "secret" not in line


def test_a_missing_database_on_a_server_is_named(postgresql_url: str) -> None:
    line = refusal(postgresql_url.replace("@/", "@/no_such_"))
    assert "no_such_" in line
    assert "the URL names its host, port, user and database" in line


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*_: Any, **__: Any) -> Any:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr(connect_module, "create_engine", create)
    assert "pip install 'tilewright[postgresql]'" in refusal("postgresql://host/name")


def test_a_database_held_by_another_process_is_waited_for_and_then_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "records.db"
    Database(f"sqlite:///{file}").close()
    monkeypatch.setattr(connect_module, "BUSY_TIMEOUT_SECS", 0.05)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Database(f"sqlite:///{file}") as database:
        with pytest.raises(DatabaseError, match="another process holds it"):
            database.open_session(TuneSession(tuner="random", seed=0))
        assert database.sessions() == []  # readers are not held up
        holder.execute("ROLLBACK")
        database.open_session(TuneSession(tuner="random", seed=0))
    holder.close()


def test_a_database_in_memory_does_not_survive_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    with Database("sqlite://") as database:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(DatabaseError, match="it lives in its parent's memory; use a file"):
            database.records()


@pytest.mark.parametrize(("kind", "named"), [("nfs4", "nfs4"), ("CIFS", "CIFS"), ("ext4", None), ("tmpfs", None)])
def test_the_file_system_below_a_path(kind: str, named: str | None) -> None:
    mounts = [("/", "ext4"), ("/srv", "nfs"), ("/srv/data", kind)]
    assert network_file_system(Path("/srv/data/team/records.db"), mounts) == named
    assert network_file_system(Path("/srv/other/records.db"), mounts) == "nfs"
    assert network_file_system(Path("/home/ada/records.db"), mounts) is None


def test_a_network_file_system_is_warned_of(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_module, "network_file_system", lambda _: "nfs4")
    with pytest.warns(NetworkFileSystemWarning, match=r"network file system \(nfs4\): let only one machine write") as caught:
        Database(sqlite_url).close()
    assert caught[0].filename == __file__


def test_connections_are_set_up_as_measured(sqlite_url: str) -> None:
    with Database(sqlite_url) as database, database._engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
        assert found == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1}
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 1000 * connect_module.BUSY_TIMEOUT_SECS


def test_a_file_of_the_default_journal_is_put_on_the_write_ahead_log(sqlite_url: str) -> None:
    Database(sqlite_url).close()
    engine = create_engine(sqlite_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode=DELETE").scalar() == "delete"
    engine.dispose()
    with Database(sqlite_url) as database, database._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
