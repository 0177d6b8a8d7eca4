"""Certificates that count no longer though they have not ended: a list in a file, which `tilewright farm revoke` writes and trackers read.

In: a file. Out: whether an identity is on the list. The list has serial numbers, so that a name can be given a new certificate. It is plain
JSON: whoever can write where a tracker reads it could as well stop the tracker.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from fleet.errors import TlsError
from fleet.tls import Identity

LIST_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedCertificate:
    """serial: in hexadecimal digits. time: of the revocation, ISO 8601."""

    serial: str
    name: str
    role: str
    time: str


def read_revoked(path: Path) -> list[RevokedCertificate]:
    """Raises `TlsError`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != LIST_FORMAT:
            raise ValueError(f"format {found['format']!r}, not {LIST_FORMAT}")
        revoked = [RevokedCertificate(**entry) for entry in found["revoked"]]
        for entry in revoked:
            int(entry.serial, 16)
    except OSError as error:
        raise TlsError(f"cannot read the revocation list {path}: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TlsError(f"{path} is no revocation list as `tilewright farm revoke` writes it: {error}") from error
    return revoked


def write_revoked(path: Path, revoked: list[RevokedCertificate]) -> None:
    """In place of what is there, at once; raises `TlsError`."""
    text = json.dumps({"format": LIST_FORMAT, "revoked": [asdict(entry) for entry in revoked]}, indent=2)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise TlsError(f"cannot write the revocation list {path}: {error}") from error


class Revocations:
    """What a tracker knows of the list. The constructor reads it, and raises `TlsError`; without a path nothing is revoked."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._serials: frozenset[int] = frozenset()
        self._seen: tuple[int, int, int] | None = None
        self.reread()

    def reread(self) -> bool:
        """Whether there is another list now. Raises `TlsError`, once per change, where there is none; what was revoked stays so."""
        if self._path is None:
            return False
        seen = _identity_of(self._path)
        if seen == self._seen:
            return False
        self._seen = seen
        self._serials = frozenset(int(entry.serial, 16) for entry in read_revoked(self._path))
        return True

    def __contains__(self, identity: Identity | None) -> bool:
        return identity is not None and identity.serial in self._serials


def _identity_of(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (0, -1, 0)
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns)
