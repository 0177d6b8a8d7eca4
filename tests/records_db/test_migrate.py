"""Schemas: an empty or older database is brought up to date, a newer or foreign one is refused."""

import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from measure import MeasureStatus
from records_db import Database, DatabaseError, Rung, SessionStatus
from records_db import migrate as migrate_module
from records_db.migrate import SCHEMA, VERSION_TABLE
from records_db.models import Base

DATA = Path(__file__).parent / "data"
MIGRATIONS = Path(migrate_module.__file__).parent / "migrations"


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]


def set_schema(file: Path, schema: str) -> None:
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (schema,))
    connection.close()


def test_the_newest_revision_is_the_schema() -> None:
    assert revisions()[0] == SCHEMA
    assert revisions() == sorted(revisions(), reverse=True)


def assert_same_as_models(database: Database) -> None:
    with database._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_make_the_tables_of_the_models(database: Database) -> None:
    assert_same_as_models(database)


def old_sqlite(schema: str, url: str) -> None:
    shutil.copyfile(DATA / f"schema_{schema}.sqlite", url.removeprefix("sqlite:///"))


def old_postgresql(schema: str, url: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url) as connection:
        connection.execute((DATA / f"schema_{schema}.sql").read_text())


@pytest.fixture
def restore(url: str) -> Callable[[str], None]:
    """Makes the empty database at `url` one that a version with an older schema has left."""
    make_old = old_sqlite if url.startswith("sqlite") else old_postgresql
    return partial(make_old, url=url)


@pytest.mark.parametrize("suffix", ["sqlite", "sql"])
def test_one_old_database_is_kept_per_schema(suffix: str) -> None:
    assert sorted(file.stem for file in DATA.glob(f"*.{suffix}")) == sorted(f"schema_{revision}" for revision in revisions())


@pytest.mark.parametrize("schema", revisions())
def test_an_old_database_is_migrated_and_keeps_its_records(schema: str, restore: Callable[[str], None], url: str, make: Any) -> None:
    restore(schema)
    with Database(url) as database:
        assert database.status_counts() == {MeasureStatus.OK: 2, MeasureStatus.CRASH: 1}
        (session,) = database.sessions()
        assert (session.status, session.trials, session.session.tuner) == (SessionStatus.FINISHED, 3, "random")
        record = make.record()
        best = database.best_record(record.workload, record.target, record.device)
        assert best is not None
        assert (best.cost_secs, best.rung, best.record.schedule) == (1e-3, Rung.SAME_DEVICE, make.schedule(4))
        database.add_records(session.id, [record])
        assert database.statistics().schema == SCHEMA
        assert_same_as_models(database)


def test_an_open_database_is_not_migrated_again(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Database(sqlite_url).close()
    monkeypatch.setattr(migrate_module.command, "upgrade", lambda *_: pytest.fail("migrated"))
    Database(sqlite_url).close()


@pytest.mark.parametrize("schema", [f"{int(SCHEMA) + 1:04}", "9999", "ffff00"])
def test_a_newer_schema_is_refused(schema: str, url: str) -> None:
    with Database(url) as database, database._writing.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :schema"), {"schema": schema})
    with pytest.raises(DatabaseError, match=f"schema {schema} is newer than this version's {SCHEMA}; upgrade tilewright") as caught:
        Database(url)
    assert "\n" not in str(caught.value)


def test_a_newer_file_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "records.db"
    Database(f"sqlite:///{file}").close()
    set_schema(file, "9999")
    before = file.read_bytes()
    with pytest.raises(DatabaseError):
        Database(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_schema_whole(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = migrate_module.command.upgrade

    def interrupted(config: Config, schema: str) -> None:
        upgrade(config, schema)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migrate_module.command, "upgrade", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Database(sqlite_url)
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    with Database(sqlite_url) as database:
        assert database.records() == []


def test_another_programs_database_is_left_alone(database: Database, url: str) -> None:
    with database._writing.begin() as connection:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
    with pytest.raises(DatabaseError, match=r"belongs to another program \(tables compiler, device, origin, record, session\)"):
        Database(url)
