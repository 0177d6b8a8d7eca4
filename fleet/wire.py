"""Connections: Dask's TCP and TLS streams, cut down to messages of plain data. In: an address, a bundle. Out: `Connection`, `listen`.

Dask's own messages may hold pickles, which it unpickles while it reads, before anybody can check who sent them. Here a message is one
msgpack value of bounded size and nothing else: what has further parts, which is where Dask puts pickles, is refused unread.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ssl import SSLContext
from typing import Any, Protocol

import msgpack
from distributed.comm.core import Comm, CommClosedError
from distributed.comm.core import connect as dask_connect
from distributed.comm.core import listen as dask_listen
from distributed.comm.registry import backends
from distributed.comm.tcp import TCP, TLS, TCPBackend, TCPConnector, TCPListener, TLSBackend, TLSConnector, TLSListener
from distributed.protocol.utils import unpack_frames
from tornado.iostream import IOStream, StreamClosedError

from fleet.errors import ConnectionLostError, MessageError
from fleet.messages import Message
from fleet.tls import Identity, identity_of

MAX_MESSAGE_BYTES = 8 << 20
HANDSHAKE_SECS = 10.0
CONNECT_SECS = 8.0
_LENGTH = struct.Struct("Q")
_PLAIN_SCHEME, _TLS_SCHEME = "tilewright", "tilewrights"

OnRefused = Callable[[str, str], None]  # peer address, reason


class _PlainMessages:
    """The reading end of a Dask stream: bounded, and plain data only."""

    stream: IOStream | None

    async def read(self, deserializers: object = None) -> Any:  # noqa: ARG002 - Dask's signature
        stream = self.stream
        if stream is None:
            raise CommClosedError("closed")
        try:
            (size,) = _LENGTH.unpack(await stream.read_bytes(_LENGTH.size))
            if not _LENGTH.size <= size <= MAX_MESSAGE_BYTES:
                raise MessageError(f"a message of {size} bytes, at most {MAX_MESSAGE_BYTES} are allowed")
            data = await stream.read_bytes(size)
        except (StreamClosedError, OSError) as error:
            raise CommClosedError(f"closed by the other side: {error}") from error
        return _decode(data)


def _decode(data: bytes) -> Any:
    try:
        frames, missing = unpack_frames(data, partial=True)
        if len(frames) != 1 or missing:
            raise MessageError(f"a message with {len(frames) + len(missing) - 1} serialized parts, which are never unpickled")
        return msgpack.unpackb(frames[0], raw=False)
    except (struct.error, AssertionError, ValueError, msgpack.UnpackException, RecursionError) as error:
        raise MessageError(f"a message that is no msgpack value: {type(error).__name__}") from error


class _PlainTCP(_PlainMessages, TCP):
    pass


class _PlainTLS(_PlainMessages, TLS):
    pass


class _AuditedTCPListener(TCPListener):
    comm_class = _PlainTCP
    prefix = f"{_PLAIN_SCHEME}://"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._on_refused: OnRefused = options.pop("on_refused")
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call] # Dask's

    async def on_connection(self, comm: Comm, handshake_overrides: dict[str, Any] | None = None) -> None:
        await _shake_hands(super().on_connection(comm, handshake_overrides), comm, self._on_refused)


class _AuditedTLSListener(TLSListener):
    comm_class = _PlainTLS
    prefix = f"{_TLS_SCHEME}://"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._on_refused: OnRefused = options.pop("on_refused")
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call] # Dask's

    async def _prepare_stream(self, stream: Any, address: str) -> Any:
        """Tells the audit of a failed handshake: no TLS, no certificate, one of another authority, one that may not be a client."""
        try:
            await asyncio.wait_for(stream.wait_for_handshake(), HANDSHAKE_SECS)
        except (OSError, TimeoutError) as error:
            cause = getattr(error, "real_error", None) or error
            self._on_refused(address, f"TLS handshake failed: {str(cause) or type(cause).__name__}")
            stream.close()
            return None
        return stream

    async def on_connection(self, comm: Comm, handshake_overrides: dict[str, Any] | None = None) -> None:
        await _shake_hands(super().on_connection(comm, handshake_overrides), comm, self._on_refused)


async def _shake_hands(handshake: Awaitable[None], comm: Comm, on_refused: OnRefused) -> None:
    try:
        await asyncio.wait_for(handshake, HANDSHAKE_SECS)
    except (MessageError, ValueError, TypeError, KeyError, TimeoutError) as error:
        on_refused(comm.peer_address, f"no greeting of this protocol: {error or type(error).__name__}")
        comm.abort()
        raise CommClosedError("refused") from error


class _PlainConnector(TCPConnector):
    comm_class = _PlainTCP
    prefix = f"{_PLAIN_SCHEME}://"


class _PlainTLSConnector(TLSConnector):
    comm_class = _PlainTLS
    prefix = f"{_TLS_SCHEME}://"


class _PlainBackend(TCPBackend):
    _connector_class = _PlainConnector
    _listener_class = _AuditedTCPListener


class _PlainTLSBackend(TLSBackend):
    _connector_class = _PlainTLSConnector
    _listener_class = _AuditedTLSListener


backends.setdefault(_PLAIN_SCHEME, _PlainBackend())
backends.setdefault(_TLS_SCHEME, _PlainTLSBackend())


class Connection:
    """One side of a connection. One task reads, one writes."""

    def __init__(self, comm: Comm) -> None:
        self._comm = comm

    @property
    def peer(self) -> str:
        """Address of the other side, without the scheme."""
        return self._comm.peer_address.rpartition("//")[2]

    @property
    def identity(self) -> Identity | None:
        """Who the other side is by its certificate; None without TLS."""
        certificate = self._comm.extra_info.get("peercert")
        return identity_of(certificate) if certificate else None

    async def send(self, message: Message) -> None:
        """Returns when the message has left this process; raises `ConnectionLostError`."""
        try:
            await self._comm.write(message, serializers=["msgpack"], on_error="raise")
            stream = getattr(self._comm, "stream", None)
            if stream is not None:
                await stream.write(b"")
        except (OSError, StreamClosedError) as error:
            raise ConnectionLostError(f"lost the connection to {self.peer}: {error}") from error

    async def receive(self) -> Message:
        """The next message; raises `ConnectionLostError`, or `MessageError`, after which the connection is of no use."""
        try:
            message = await self._comm.read()
        except (OSError, StreamClosedError) as error:
            raise ConnectionLostError(f"lost the connection to {self.peer}: {error}") from error
        if not isinstance(message, dict) or not isinstance(message.get("op"), str):
            raise MessageError("a message without an operation")
        return message

    def close(self) -> None:
        self._comm.abort()


class ListenerHandle(Protocol):
    @property
    def listen_address(self) -> str: ...

    async def start(self) -> object: ...

    def stop(self) -> object: ...


async def connect(host: str, port: int, context: SSLContext | None) -> Connection:
    """Raises `ConnectionLostError` with what is in the way."""
    scheme = _PLAIN_SCHEME if context is None else _TLS_SCHEME
    options: dict[str, Any] = {} if context is None else {"ssl_context": context}
    try:
        comm = await asyncio.wait_for(dask_connect(f"{scheme}://{host}:{port}", timeout=CONNECT_SECS, **options), CONNECT_SECS + 1)
    except (OSError, TimeoutError, MessageError) as error:
        raise ConnectionLostError(f"cannot reach the tracker at {host}:{port}: {_first_cause(error)}") from error
    return Connection(comm)


def _first_cause(error: BaseException) -> str:
    """Without what Dask adds on the way, which names objects."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, asyncio.CancelledError | TimeoutError):
        return f"no answer within {CONNECT_SECS:.0f} s"
    return str(error) or type(error).__name__


async def listen(
    host: str, port: int, context: SSLContext | None, handle: Callable[[Connection], Awaitable[None]], on_refused: OnRefused
) -> ListenerHandle:
    """Calls `handle` for each connection whose handshakes went well, `on_refused` for the others. Raises OSError."""

    async def handle_comm(comm: Comm) -> None:
        connection = Connection(comm)
        with suppress(ConnectionLostError):
            try:
                await handle(connection)
            finally:
                connection.close()

    scheme = _PLAIN_SCHEME if context is None else _TLS_SCHEME
    options: dict[str, Any] = {} if context is None else {"ssl_context": context}
    listener: ListenerHandle = dask_listen(f"{scheme}://{host}:{port}", handle_comm, on_refused=on_refused, **options)
    await listener.start()
    return listener
