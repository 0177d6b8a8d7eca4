"""Files by the sha256 of their content, in one folder of bounded size: on the tracker between clients and devices, on a device its cache.

In: pieces of blobs. Out: paths of complete, checked files. The least recently used ones go when the folder is full; it starts empty.
"""

import hashlib
import os
import shutil
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from fleet.errors import FleetError, MessageError
from fleet.messages import PIECE_BYTES, Message, bytes_of, digest_of, number_of

MAX_SIZE = 1 << 50

_Arrival = tuple[str, str]  # source, digest


@dataclass(slots=True)
class _Arriving:
    """A blob of which some pieces are here."""

    file: IO[bytes]
    total: int
    sha256: Any = field(default_factory=hashlib.sha256)
    received: int = 0


class BlobStore:
    """max_blob_bytes: of one file; max_bytes: of all. Files are not writable, and are executable. `FleetError` without a folder."""

    def __init__(self, folder: Path, max_blob_bytes: int, max_bytes: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True, mode=0o755)
        except OSError as error:
            raise FleetError(f"cannot make a folder for the files of jobs: {error}") from error
        self._folder = folder
        self._max_blob_bytes = max_blob_bytes
        self._max_bytes = max_bytes
        self._identities: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        self._used_bytes = 0
        self._pins: Counter[str] = Counter()
        self._arriving: dict[_Arrival, _Arriving] = {}
        self._known: set[_Arrival] = set()  # arriving though they are here

    def path(self, digest: str) -> Path | None:
        """The file, if it is here and nothing has touched it since it was checked."""
        path = self._folder / digest
        if digest not in self._identities:
            return None
        if _identity(path) != self._identities[digest]:
            self._forget(digest)
            return None
        self._identities.move_to_end(digest)
        return path

    def missing(self, digests: Iterable[str]) -> list[str]:
        return [digest for digest in digests if self.path(digest) is None]

    def pin(self, digests: Iterable[str]) -> None:
        """These are needed: they stay until they are unpinned as often."""
        self._pins.update(digests)

    def unpin(self, digests: Iterable[str]) -> None:
        for digest in digests:
            self._pins[digest] -= 1
            if self._pins[digest] <= 0:
                del self._pins[digest]

    def add_piece(self, source: str, message: Message) -> str | None:
        """The digest when this piece completes a blob; pieces of one source come in order. Raises `MessageError`, and drops the blob."""
        digest, data = digest_of(message.get("digest")), bytes_of(message, "data", PIECE_BYTES)
        offset, total = int(number_of(message, "offset", 0, MAX_SIZE)), int(number_of(message, "total", 0, MAX_SIZE))
        key = (source, digest)
        if total > self._max_blob_bytes:
            self._drop(key)
            raise MessageError(f"a file of {total} bytes, at most {self._max_blob_bytes} are allowed")
        if offset == 0:
            self._drop(key)
            if self.path(digest) is not None:
                self._known.add(key)
        if key in self._known:
            if offset + len(data) >= total:
                self._known.remove(key)
                return digest
            return None
        try:
            return self._add(key, digest, offset, total, data)
        except OSError as error:
            self._drop(key)
            raise MessageError(f"cannot keep a file of {total} bytes in {self._folder}: {error}") from error

    def drop_source(self, source: str) -> None:
        """No more pieces will come from there."""
        for key in [key for key in (*self._arriving, *self._known) if key[0] == source]:
            self._drop(key)

    def _add(self, key: _Arrival, digest: str, offset: int, total: int, data: bytes) -> str | None:
        if offset == 0:
            self._make_room(total)
            file = (self._folder / f"arriving-{hashlib.sha256(repr(key).encode()).hexdigest()}").open("wb")
            self._arriving[key] = _Arriving(file, total)
        arriving = self._arriving.get(key)
        if arriving is None or offset != arriving.received or total != arriving.total or offset + len(data) > total:
            self._drop(key)
            raise MessageError(f"a piece of {digest} that does not follow the one before")
        arriving.file.write(data)
        arriving.sha256.update(data)
        arriving.received += len(data)
        if arriving.received < total:
            return None
        return self._complete(key, digest)

    def _complete(self, key: _Arrival, digest: str) -> str:
        arriving = self._arriving[key]
        arriving.file.flush()
        found = arriving.sha256.hexdigest()
        if found != digest:
            self._drop(key)
            raise MessageError(f"a file announced as {digest} has the sha256 {found}")
        path = self._folder / digest
        os.fchmod(arriving.file.fileno(), 0o555)
        os.replace(arriving.file.name, path)
        arriving.file.close()
        del self._arriving[key]
        if digest in self._identities:
            self._used_bytes -= self._identities[digest][1]
        self._identities[digest] = _identity(path)
        self._used_bytes += self._identities[digest][1]
        return digest

    def _drop(self, key: _Arrival) -> None:
        self._known.discard(key)
        arriving = self._arriving.pop(key, None)
        if arriving is not None:
            with suppress(OSError):  # closing tries again to write what a full disk did not take
                arriving.file.close()
            Path(arriving.file.name).unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """The least recently used go, some more than have to, so that this is rare."""
        free = self._max_bytes - size - sum(arriving.total for arriving in self._arriving.values())
        if self._used_bytes <= free:
            return
        for digest in [digest for digest in self._identities if not self._pins[digest]]:
            self._forget(digest)
            if self._used_bytes <= free - self._max_bytes // 16:
                return
        if self._used_bytes <= free:
            return
        raise MessageError(f"no room for a file of {size} bytes: {self._max_bytes} are set aside, and what is there is in use")

    def _forget(self, digest: str) -> None:
        _, size, _ = self._identities.pop(digest)
        self._used_bytes -= size
        (self._folder / digest).unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int, int]:
    """Inode, size and time of the last change; the latter cannot be set back by whoever owns the file."""
    try:
        stat = path.stat()
    except OSError:
        return (0, -1, 0)
    return (stat.st_ino, stat.st_size, stat.st_ctime_ns)


def blob_messages(digest: str, data: bytes) -> Iterator[Message]:
    """The messages that carry a blob."""
    for offset in range(0, max(1, len(data)), PIECE_BYTES):
        yield {"op": "blob", "digest": digest, "offset": offset, "total": len(data), "data": data[offset : offset + PIECE_BYTES]}


def file_messages(digest: str, path: Path) -> Iterator[Message]:
    """The same for a file, read piece by piece."""
    total = path.stat().st_size
    with path.open("rb") as file:
        for offset in range(0, max(1, total), PIECE_BYTES):
            yield {"op": "blob", "digest": digest, "offset": offset, "total": total, "data": file.read(PIECE_BYTES)}
