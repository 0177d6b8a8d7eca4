"""Serving a tracker: join, take its messages, signal life and work, until the connection ends. Devices and builders do the same here.

In: where the tracker is, what to say when joining. Out: calls of `handle`; an outbox for answers.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from typing import Any

from fleet.address import TrackerPlace, check_exposure
from fleet.errors import ConnectionLostError, MessageError, RefusedError
from fleet.messages import PROTOCOL, Message
from fleet.outbox import Outbox
from fleet.race import run_until_first_ends
from fleet.tls import Role
from fleet.wire import Connection, connect

ALIVE_SECS = 2.0


class Membership(ABC):
    """One connection to the tracker."""

    outbox: Outbox

    def __init__(self, place: TrackerPlace, role: Role) -> None:
        check_exposure(place.address.host, place.bundle, place.insecure)
        self._place = place
        self._role = role
        self._heard_at = time.monotonic()

    @abstractmethod
    def introduction(self) -> dict[str, Any]:
        """What `join` says beside the role: name, instance, key, target, device."""

    @abstractmethod
    def health(self) -> dict[str, float | int | str]:
        """What changes meanwhile; told with every sign of life."""

    @abstractmethod
    def welcomed(self, name: str) -> None:
        """The tracker knows this side under the name; jobs may come."""

    @abstractmethod
    def handle(self, message: Message) -> None:
        """A message other than signs of life and refusals; raises `MessageError` for one that is none of the tracker's."""

    @abstractmethod
    async def work(self) -> None:
        """For ever; its end is that of the connection."""

    async def run(self) -> None:
        """Until the connection ends; raises what ended it."""
        place = self._place
        connection = await connect(place.address.host, place.address.port, None if place.bundle is None else place.bundle.client_context())
        try:
            name = await self._join(connection)
            self.outbox = Outbox(connection)
            self._heard_at = time.monotonic()
            self.welcomed(name)
            await run_until_first_ends(self._read(connection), self.outbox.run(), self._signal_life(), self.work())
        finally:
            connection.close()

    async def _join(self, connection: Connection) -> str:
        said = {"op": "join", "protocol": PROTOCOL, "role": self._role.value, "health": self.health()}
        await connection.send(said | self.introduction())
        try:
            async with asyncio.timeout(self._place.silence_secs):
                answer = await connection.receive()
        except TimeoutError as error:
            raise ConnectionLostError(f"the tracker did not answer within {self._place.silence_secs:g} s") from error
        if answer["op"] != "welcome":
            raise RefusedError(f"the tracker refuses this {self._role.value}: {answer.get('text', answer['op'])}")
        return str(answer.get("name"))

    async def _read(self, connection: Connection) -> None:
        while True:
            message = await connection.receive()
            self._heard_at = time.monotonic()
            match message["op"]:
                case "alive":
                    pass
                case "refused":
                    raise RefusedError(f"the tracker refuses this {self._role.value}: {message.get('text')}")
                case _:
                    self.handle(message)

    async def _signal_life(self) -> None:
        while True:
            await asyncio.sleep(ALIVE_SECS)
            silent_secs = time.monotonic() - self._heard_at
            if silent_secs > self._place.silence_secs:
                raise ConnectionLostError(f"nothing was heard of the tracker for {silent_secs:.0f} s")
            self.outbox.send({"op": "alive", "health": self.health()})


def unknown_operation(message: Message) -> MessageError:
    return MessageError(f"{message['op']!r} is not an operation of trackers"[:200])
