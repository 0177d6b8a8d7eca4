"""What waits to be sent over one connection: small messages pass by the files that travel piece by piece, each kind in order.

In: messages, and iterators of messages. Out: one task that sends them. Used by the tracker, devices and clients.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator

from fleet.messages import Message
from fleet.wire import Connection


class Outbox:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._urgent: deque[Message] = deque()
        self._bulk: deque[Iterator[Message]] = deque()
        self._wake = asyncio.Event()

    def send(self, message: Message) -> None:
        """Before everything that is not on its way yet, but after earlier ones of the kind."""
        self._urgent.append(message)
        self._wake.set()

    def send_after_files(self, messages: Iterable[Message]) -> None:
        """In turn with files: what needs them is sent after them."""
        self._bulk.append(iter(messages))
        self._wake.set()

    async def run(self) -> None:
        """Sends for ever; raises `ConnectionLostError` when that is over."""
        while True:
            message = self._next()
            if message is None:
                self._wake.clear()
                await self._wake.wait()
            else:
                await self._connection.send(message)

    def _next(self) -> Message | None:
        if self._urgent:
            return self._urgent.popleft()
        while self._bulk:
            message = next(self._bulk[0], None)
            if message is not None:
                return message
            self._bulk.popleft()
        return None
