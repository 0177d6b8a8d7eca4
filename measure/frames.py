"""Messages between the tuning process, its servers and their children: a JSON header and bytes, never a pickle.

On the wire: two little-endian uint32 (length of the header, length of the blob), the header as JSON, the blob.
"""

import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LENGTHS = struct.Struct("<II")
MAX_BYTES = 1 << 28
CHUNK_BYTES = 1 << 16


class FrameError(ValueError):
    """The other side sent what is no frame: it is broken, and its connection with it."""


@dataclass(frozen=True, slots=True)
class Frame:
    header: dict[str, Any]
    blob: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        header = json.dumps(self.header, separators=(",", ":")).encode()
        return LENGTHS.pack(len(header), len(self.blob)) + header + self.blob


class FrameReader:
    """Puts frames together from whatever pieces arrive."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes; raises `FrameError`."""
        self._buffer += data
        while len(self._buffer) >= LENGTHS.size:
            header_bytes, blob_bytes = LENGTHS.unpack_from(self._buffer)
            end = LENGTHS.size + header_bytes + blob_bytes
            if end > MAX_BYTES:
                raise FrameError(f"a frame of {end} bytes, at most {MAX_BYTES} are allowed")
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[LENGTHS.size : end])
            del self._buffer[:end]
            yield Frame(_parse_header(body[:header_bytes]), body[header_bytes:])


def _parse_header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a header that is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise FrameError(f"a header that is no object: {header!r}")
    return header


def receive_frame(connection: socket.socket) -> Frame | None:
    """The next frame of a connection that carries one at a time; None when the other side has closed it."""
    reader = FrameReader()
    while data := connection.recv(CHUNK_BYTES):
        for frame in reader.feed(data):
            return frame
    return None
