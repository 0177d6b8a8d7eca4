"""A driver's exception -> one line that says what was asked, what was found and what to do. For `connect.py` and `database.py`."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from records_db.errors import DatabaseError

SQLITE_FAILURES = (
    ("SQLITE_READONLY", "it is read-only", "make the file and its folder writable, or copy it to a place that is"),
    ("SQLITE_FULL", "its disk is full", "free some space and start again; everything committed before is kept"),
    ("SQLITE_IOERR", "its disk refuses to be written or read", "check free space and quota; everything committed before is kept"),
    ("SQLITE_CANTOPEN", "it cannot be opened", "check that its folder exists and that you may write there"),
    ("SQLITE_PERM", "you may not open it", "check the rights of the file and its folder"),
    ("SQLITE_NOTADB", "it is not a SQLite database", "choose another file"),
    ("SQLITE_CORRUPT", "the file is damaged", "restore a copy, or save what is left with `sqlite3 FILE .recover`"),
    ("SQLITE_BUSY", "another process holds it", "end that process, or wait for it and start again"),
    ("SQLITE_LOCKED", "another process holds it", "end that process, or wait for it and start again"),
)
POSTGRES_FAILURES = (
    ("25006", "it is read-only", "connect to the primary server"),
    ("53100", "its disk is full", "free some space and start again; everything committed before is kept"),
    ("42501", "its user lacks a right", "grant it, or connect as another user"),
)


def shown_url(url: URL) -> str:
    """The URL for people, without its password."""
    return url.render_as_string(hide_password=True)


def without_password(text: str) -> str:
    """A database URL as it was typed, with `***` for its password; what is no URL stays as it is."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return text
    return text if url.password is None else shown_url(url)


def explain_failure(error: SQLAlchemyError, doing: str, url: URL) -> DatabaseError:
    """doing: what was asked, as in "read the best record"."""
    found, advice = _found(error, url)
    return DatabaseError(f"cannot {doing}: {shown_url(url)}: {found}; {advice}")


def _found(error: SQLAlchemyError, url: URL) -> tuple[str, str]:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
    name = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        found = next((entry for entry in SQLITE_FAILURES if name.startswith(entry[0])), None)
        return (f"{found[1]} ({said})", found[2]) if found else (said, _missing_folder(url))
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        found = next((entry for entry in POSTGRES_FAILURES if state.startswith(entry[0])), None)
        return (f"{found[1]} ({said})", found[2]) if found else (said, "look into the server's log")
    if isinstance(error, PoolTimeoutError):
        return "all its connections are in use", "wait for the other threads"
    return f"the server cannot be reached ({said})", "check that it runs, and that the URL names its host, port, user and database"


def _missing_folder(url: URL) -> str:
    folder = Path(url.database or ".").parent
    return "check the file" if folder.is_dir() else f"create the folder {folder}"
