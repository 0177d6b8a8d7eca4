"""The tracker: lets clients and devices in by their certificates, and hands jobs to devices and results to clients.

    connection -> `join`, role checked -> `client_session.py` or `device_session.py` -> `Exchange` (`exchange.py`) -> `job_queue.py`

In: `TrackerOptions`. Who is refused, for whatever reason, leaves a line in the audit log and nothing else.
"""

import asyncio
import sys
import time

from fleet.address import check_exposure
from fleet.audit import AuditLog
from fleet.blob_store import BlobStore
from fleet.errors import ConnectionLostError, FleetError, MessageError, TlsError
from fleet.messages import PROTOCOL, Message, text_of
from fleet.revocations import Revocations
from fleet.tls import Role
from fleet.tracker.client_session import ClientSession
from fleet.tracker.device_session import DeviceSession
from fleet.tracker.exchange import Exchange
from fleet.tracker.options import TrackerOptions
from fleet.wire import Connection, ListenerHandle, listen

JOIN_SECS = 10.0
REVOKED = "the certificate was revoked"
TICK_SECS = 0.5


class Tracker:
    """Runs in the event loop that calls `start`."""

    def __init__(self, options: TrackerOptions) -> None:
        check_exposure(options.address.host, options.bundle, options.insecure)
        if options.revoked is not None and options.bundle is None:
            raise FleetError("--revoked lists certificates, and without --tls there are none")
        self._options = options
        self._revocations = Revocations(options.revoked)
        self._sessions: set[ClientSession | DeviceSession] = set()
        store = BlobStore(options.store, options.max_blob_bytes, options.store_bytes)
        self._audit = AuditLog(options.audit)
        self._exchange = Exchange(options, self._audit, store)
        self._listener: ListenerHandle | None = None

    async def start(self) -> str:
        """The address that it listens at."""
        options = self._options
        context = None if options.bundle is None else options.bundle.server_context()
        try:
            self._listener = await listen(options.address.host, options.address.port, context, self._serve, self._refused)
        except OSError as error:
            raise FleetError(f"cannot listen at {options.address}: {error}") from error
        address = self._listener.listen_address.rpartition("//")[2]
        self._audit.write("start", address=address, tls=options.bundle is not None, protocol=PROTOCOL)
        return address

    async def run(self) -> None:
        """Looks after what time alone changes; for ever."""
        while True:
            await asyncio.sleep(TICK_SECS)
            self._exchange.tick(time.monotonic())
            self._look_for_revocations()

    def _look_for_revocations(self) -> None:
        """Who is here with a certificate that is revoked now is cut off, as if the connection were lost."""
        try:
            changed = self._revocations.reread()
        except TlsError as error:
            self._audit.write("revocations unreadable", reason=str(error))
            return
        if not changed:
            return
        self._audit.write("revocations read", file=str(self._options.revoked))
        for session in [each for each in self._sessions if each.connection.identity in self._revocations]:
            self._audit.write("refused", peer=session.connection.peer, who=session.who, reason=REVOKED)
            session.close()

    def close(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        self._exchange.close()
        self._audit.write("stop")
        self._audit.close()

    def _refused(self, peer: str, reason: str) -> None:
        self._audit.write("refused", peer=peer.rpartition("//")[2], reason=reason)

    async def _serve(self, connection: Connection) -> None:
        try:
            join = await asyncio.wait_for(connection.receive(), JOIN_SECS)
            session = self._admit(connection, join)
        except (MessageError, TimeoutError) as error:
            reason = str(error) or f"said nothing for {JOIN_SECS:.0f} s"
            self._refused(connection.peer, reason)
            if isinstance(error, MessageError):
                await connection.send({"op": "refused", "text": reason})
            return
        self._sessions.add(session)
        try:
            await session.run()
        except MessageError as error:
            self._audit.write("refused", peer=connection.peer, who=session.who, reason=str(error))
            await connection.send({"op": "refused", "text": str(error)})
        except ConnectionLostError:
            pass
        finally:
            self._sessions.discard(session)
            session.leave()
            self._audit.write("leave", who=session.who, peer=connection.peer)

    def _admit(self, connection: Connection, join: Message) -> ClientSession | DeviceSession:
        """Raises `MessageError` for who may not come in."""
        if connection.identity is not None and connection.identity in self._revocations:
            raise MessageError(f"{REVOKED}: {connection.identity.role} {connection.identity.name}")
        if join["op"] != "join":
            raise MessageError(f"{join['op']!r} is no way to begin; this tracker knows 'join' and nothing of Dask's own operations"[:200])
        protocol = join.get("protocol")
        if protocol != PROTOCOL:
            raise MessageError(
                f"protocol version {protocol!r} is not spoken here, {PROTOCOL} is: install the tracker's version of Tilewright"[:200]
            )
        role, identity = text_of(join, "role", 20), connection.identity
        if self._options.bundle is not None and (identity is None or identity.role != role):
            held = "none" if identity is None else f"{identity.role!r} of {identity.name}"
            raise MessageError(f"came as {role!r} with a certificate for {held}")
        name = identity.name if identity is not None else text_of(join, "name", 100)
        self._audit.write("join", role=role, who=name, peer=connection.peer)
        match role:
            case Role.CLIENT:
                return ClientSession(connection, self._exchange, name, join)
            case Role.DEVICE | Role.BUILDER:
                return DeviceSession(connection, self._exchange, Role(role), name, join)
        raise MessageError(f"came as {role!r}; known: {Role.CLIENT.value}, {Role.DEVICE.value}, {Role.BUILDER.value}")


async def serve(options: TrackerOptions) -> None:
    """Until it is cancelled."""
    tracker = Tracker(options)
    address = await tracker.start()
    sys.stderr.write(f"tracker at {address}, {'mutual TLS 1.3' if options.bundle else 'without TLS'}\n")
    try:
        await tracker.run()
    finally:
        tracker.close()
