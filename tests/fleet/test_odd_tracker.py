"""A tracker of another version, or one that hangs: clients and who serves it are told in a line, and nobody waits for ever."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fleet import Address, ConnectionLostError, FleetError, MessageError, Role, TrackerPlace
from fleet.client import FarmClient, FarmOptions
from fleet.membership import Membership
from fleet.messages import Message
from fleet.wire import Connection, listen

WELCOME = {"op": "welcome", "name": "me"}
ROW = {"name": "one", "key": "board", "target": "", "device": {}, "fingerprint": "", "busy": "", "queued": 0, "seen_secs_ago": 0.0}


@contextmanager
def tracker(serve: Callable[[Connection], Awaitable[None]]) -> Iterator[Address]:
    """Without TLS, in a thread of this process; `serve` has a connection of which nothing was read yet."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> Any:
        return await listen("127.0.0.1", 0, None, serve, refuse)

    async def stop(listener: Any) -> None:
        listener.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    listener = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield Address("127.0.0.1", int(listener.listen_address.rpartition(":")[2]))
    finally:
        asyncio.run_coroutine_threadsafe(stop(listener), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def refuse(peer: str, reason: str) -> None:
    raise AssertionError((peer, reason))


async def say_nothing(connection: Connection) -> None:
    while True:
        await connection.receive()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"op": "devices", "rows": [{**ROW, "health": {}, "news": 1}]}, "does not know them.*'news'"),
        ({"op": "devices", "rows": [ROW]}, "does not know them.*'health'"),
        ({"op": "devices"}, "does not know them"),
        ({"op": "want"}, "wants files and does not say which"),
        ({"op": "want", "digests": ["x"]}, "'x' is no sha256"),
    ],
    ids=["more", "less", "none", "want nothing", "want what is no digest"],
)
def test_a_client_is_told_what_it_cannot_read(answer: Message, text: str) -> None:
    async def serve(connection: Connection) -> None:
        await connection.receive()
        await connection.send(WELCOME)
        while (await connection.receive())["op"] != "devices":
            pass
        await connection.send(answer)
        await say_nothing(connection)

    with tracker(serve) as address, FarmClient(FarmOptions(tracker=address)) as client:
        with pytest.raises(MessageError, match=text):
            client.devices()
        with pytest.raises(MessageError, match=text):
            client.devices()


def test_a_client_does_not_wait_for_ever_to_be_let_in() -> None:
    with tracker(say_nothing) as address, pytest.raises(ConnectionLostError, match=r"did not answer within 0\.3 s"):
        FarmClient(FarmOptions(tracker=address, silence_secs=0.3))


class Member(Membership):
    """Says nothing but what it has to."""

    def introduction(self) -> dict[str, Any]:
        return {}

    def health(self) -> dict[str, float | int | str]:
        return {}

    def welcomed(self, name: str) -> None:
        raise AssertionError(name)

    def handle(self, message: Message) -> None:
        raise AssertionError(message)

    async def work(self) -> None:
        raise AssertionError


def test_who_serves_a_tracker_does_not_wait_for_ever_to_be_let_in() -> None:
    with tracker(say_nothing) as address, pytest.raises(FleetError, match=r"the tracker did not answer within 0\.3 s"):
        asyncio.run(asyncio.wait_for(Member(TrackerPlace(address=address, silence_secs=0.3), Role.DEVICE).run(), 20))
