"""What clients' and devices' sessions share: one task that reads, one that sends, and the end of a connection that has fallen silent.

In: a `Connection`. Out: calls of `handle`. The two kinds: `client_session.py`, `device_session.py`.
"""

import asyncio
import time
from abc import ABC, abstractmethod

from fleet.errors import ConnectionLostError
from fleet.messages import Message
from fleet.outbox import Outbox
from fleet.race import run_until_first_ends
from fleet.wire import Connection

ALIVE_SECS = 2.0


class Session(ABC):
    def __init__(self, connection: Connection, silence_secs: float) -> None:
        self.connection = connection
        self.outbox = Outbox(connection)
        self.heard_at = time.monotonic()
        self._silence_secs = silence_secs

    @abstractmethod
    def enter(self) -> None:
        """Makes the session known, once; raises `MessageError` if it may not be."""

    @abstractmethod
    def handle(self, message: Message) -> None:
        """One message from the other side; raises `MessageError`."""

    @abstractmethod
    def leave(self) -> None:
        """Makes the session forgotten; does nothing where it was never known, or is forgotten already."""

    def close(self) -> None:
        """Cuts the other side off; `run` ends."""
        self.connection.close()

    async def run(self) -> None:
        """Until the connection ends; raises what ended it."""
        self.enter()
        await run_until_first_ends(self._read(), self.outbox.run(), self._watch())

    async def _read(self) -> None:
        while True:
            message = await self.connection.receive()
            self.heard_at = time.monotonic()
            self.handle(message)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(ALIVE_SECS)
            silent_secs = time.monotonic() - self.heard_at
            if silent_secs > self._silence_secs:
                raise ConnectionLostError(f"nothing was heard of {self.connection.peer} for {silent_secs:.0f} s")
            self.outbox.send({"op": "alive"})
