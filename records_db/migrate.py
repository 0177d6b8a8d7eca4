"""Brings the tables to this version's schema: an empty or older database is migrated, a newer or foreign one refused. Next: `database`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, column, inspect, select, table

from records_db.connect import MIGRATION_LOCK, lock_server, use_write_ahead_log, writing
from records_db.errors import DatabaseError
from records_db.explain_failure import shown_url

VERSION_TABLE = "tilewright_schema"  # not Alembic's default name, which another program in the same database may use
SCHEMA = "0002"  # the newest revision in migrations/versions

_version = table(VERSION_TABLE, column("version_num"))


def schema_of(connection: Connection) -> str | None:
    """The revision of an existing database; None of an empty one."""
    names = inspect(connection).get_table_names()
    if VERSION_TABLE in names:
        found: str | None = connection.scalar(select(_version.c.version_num))
        return found
    if names:
        listed = ", ".join(sorted(names)[:5])
        raise DatabaseError(
            f"cannot use database {shown_url(connection.engine.url)}: it belongs to another program (tables {listed}); choose another one"
        )
    return None


def bring_up_to_date(engine: Engine) -> None:
    """Migrate in one transaction: a process killed here leaves the old schema whole."""
    with engine.begin() as connection:
        found = schema_of(connection)
    _refuse_newer(engine, found)
    use_write_ahead_log(engine)
    if found == SCHEMA:
        return
    with writing(engine).begin() as connection:
        lock_server(connection, MIGRATION_LOCK)
        found = schema_of(connection)  # another process may have been quicker
        _refuse_newer(engine, found)
        if found != SCHEMA:
            command.upgrade(_alembic_config(connection), SCHEMA)


def _refuse_newer(engine: Engine, found: str | None) -> None:
    if found is not None and found > SCHEMA:
        raise DatabaseError(
            f"cannot use database {shown_url(engine.url)}: its schema {found} is newer than this version's {SCHEMA}; "
            "upgrade tilewright, or choose another database"
        )


def _alembic_config(connection: Connection) -> Config:
    config = Config()
    folder = str(Path(__file__).resolve().parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    return config
