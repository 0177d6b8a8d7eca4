"""What a caller of the database can be told: one error, since the one decision is to stop and mend the place where records are kept."""

from compiler.errors import TilewrightError


class DatabaseError(TilewrightError):
    """The database cannot be opened, read or written; nothing that was committed before is lost."""


class NetworkFileSystemWarning(UserWarning):
    """The database file lies on a network file system, where SQLite's locks do not hold between machines."""


class UnreadableRecordWarning(UserWarning):
    """Some records were written in a format that this version does not know; they stay in the database and are left out of the answer."""
