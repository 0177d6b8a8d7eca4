"""A device's or a builder's connection: jobs and files go out, results and signs of life come in."""

import json
import time
from collections.abc import Iterator

from fleet.blob_store import file_messages
from fleet.device import Device
from fleet.errors import MessageError
from fleet.messages import BUILD_KEY, JobResult, Message, digest_of, health_of, text_of
from fleet.tls import Role
from fleet.tracker.exchange import Exchange
from fleet.tracker.lanes import Place, QueuedJob
from fleet.tracker.session import Session
from fleet.wire import Connection

MAX_DIGESTS = 1000
MAX_DEVICE_CHARS = 16 << 10  # as JSON; a processor with many features takes 3,000
REMEMBERED = 20_000  # files that a device was sent; what is forgotten is sent again


class DeviceSession(Session):
    """role: of a device or a builder. Raises `MessageError` where `join` does not say what it has to."""

    def __init__(self, connection: Connection, exchange: Exchange, role: Role, owner: str, join: Message) -> None:
        super().__init__(connection, exchange.silence_secs)
        self.device = _device_of(join)
        self.key = text_of(join, "key", 100)
        if (self.key == BUILD_KEY) != (role is Role.BUILDER):
            raise MessageError(f"came as {role.value!r} with the key {self.key!r}; builders have the key {BUILD_KEY!r}, and only they")
        self.target = text_of(join, "target", 1000)
        self.health = health_of(join)
        self.instance = f"{owner} {text_of(join, 'instance', 100)}"  # of nobody else's, who would be taken for this one come back
        self.name = ""
        self.who = f"{role.value} {owner}"
        self._role = role
        self._wish = text_of(join, "name", 60) or owner
        self._exchange = exchange
        self._sent: set[str] = set()
        self._places: dict[str, Place] = {}

    @property
    def silent_secs(self) -> float:
        return time.monotonic() - self.heard_at

    def enter(self) -> None:
        self._exchange.add_device(self, self._wish)
        self.who = f"{self._role.value} {self.name}"
        self.outbox.send({"op": "welcome", "name": self.name})
        self._exchange.serve(self)

    def leave(self) -> None:
        self._exchange.remove_device(self)

    def measure(self, queued: QueuedJob) -> None:
        """The files that the device has not been sent, then the job; the device knows it by a number."""
        ticket = str(queued.number)
        self._places[ticket] = queued.place
        if len(self._sent) > REMEMBERED:
            self._sent.clear()
        new = [digest for digest in queued.job.digests if digest not in self._sent]
        self._sent.update(new)
        self.outbox.send_after_files(self._files(new))
        self.outbox.send_after_files([queued.job.to_message("measure") | {"identity": ticket}])

    def abort(self, queued: QueuedJob) -> None:
        self.outbox.send_after_files([{"op": "abort", "identity": str(queued.number)}])

    def handle(self, message: Message) -> None:
        match message["op"]:
            case "alive":
                self.health = health_of(message)
            case "want":
                digests = message.get("digests")
                if not isinstance(digests, list | tuple) or len(digests) > MAX_DIGESTS:
                    raise MessageError(f"'want' without a list of at most {MAX_DIGESTS} digests")
                self.outbox.send_after_files(self._files([digest_of(digest) for digest in digests]))
            case "result":
                result = JobResult.from_message(message)
                place = self._places.pop(result.identity, None)
                if place is not None:
                    self._exchange.finish(self, place, result)
            case unknown:
                raise MessageError(f"{unknown!r} is not an operation of devices"[:200])

    def _files(self, digests: list[str]) -> Iterator[Message]:
        for digest in digests:
            path = self._exchange.store.path(digest)
            if path is not None:
                yield from file_messages(digest, path)


def _device_of(join: Message) -> Device:
    """Plain facts, and not too many: clients are told all of them, of all devices in one message. Raises `MessageError`."""
    try:
        device = Device.from_json(join["device"])
        size = len(json.dumps(device.to_json()))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise MessageError(f"a device that does not describe itself: {error}"[:200]) from error
    odd = [name for name, value in device.facts if not isinstance(name, str) or not isinstance(value, str | int | float)]
    if odd:
        raise MessageError(f"a device whose fact {odd[0]!r} is neither a text nor a number"[:200])
    if size > MAX_DEVICE_CHARS:
        raise MessageError(f"a device that describes itself in {size} characters, at most {MAX_DEVICE_CHARS} are allowed")
    return device
