"""What travels between clients, tracker and devices: plain numbers, texts and bytes, checked field by field on arrival.

    client  -> tracker: join, devices, submit, blob, cancel, alive      tracker -> client: welcome, refused, devices, want, result, alive
    device  -> tracker: join, want, result, alive                       tracker -> device: welcome, refused, blob, measure, abort, alive

A builder is to the tracker what a device is, with a key of its own; its jobs have no program and no files: it builds what stands in their
text. A message is a dict with "op". Files travel as blobs, named by the sha256 of their bytes, in pieces; whoever lacks one says "want".
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from fleet.errors import MessageError

PROTOCOL = 1
DEFAULT_PORT = 9190
MAX_TEXT = 4096
MAX_STDIN_BYTES = 1 << 20
MAX_OUTPUT_BYTES = 6 << 20  # of a result, which has to fit into one message
MAX_FILES = 64
BUILD_KEY = "builders"  # of builders, and of nothing else
PIECE_BYTES = 1 << 20  # of a blob in one message, so that signs of life are never far behind

Message = dict[str, Any]
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def text_of(message: Mapping[str, Any], name: str, most: int = MAX_TEXT) -> str:
    value = message.get(name)
    if not isinstance(value, str) or len(value) > most:
        raise MessageError(f"{message.get('op')!r}: {name} is not a text of at most {most} characters")
    return value


def number_of(message: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = message.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise MessageError(f"{message.get('op')!r}: {name} is not a number from {low} to {high}")
    return value


def bytes_of(message: Mapping[str, Any], name: str, most: int) -> bytes:
    value = message.get(name)
    if not isinstance(value, bytes) or len(value) > most:
        raise MessageError(f"{message.get('op')!r}: {name} is not at most {most} bytes")
    return value


def digest_of(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise MessageError(f"{value!r} is no sha256 in hexadecimal digits"[:200])
    return value


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of a file and their sha256."""

    data: bytes = field(repr=False)
    digest: str

    @staticmethod
    def of(data: bytes) -> "Blob":
        return Blob(data, hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One measurement: a program that is run in a sandbox with some files and a text on standard input. With `BUILD_KEY`: one build.

    program: digest of an executable file; empty for a build, which the text describes. files: name -> digest; the program finds them in
    its working folder. candidate: digest of what is measured; one that takes devices of a model down again and again is not run any more.
    key: which devices may do it; fingerprint: only those with this one (empty: any). priority: larger is sooner. identity: chosen by the
    client, the same when it asks again.
    """

    identity: str
    key: str
    program: str
    files: tuple[tuple[str, str], ...]
    stdin: bytes = field(repr=False)
    candidate: str
    fingerprint: str = ""
    priority: int = 0
    timeout_secs: float = 10.0
    memory_bytes: int = 0

    @property
    def digests(self) -> tuple[str, ...]:
        programs = (self.program,) if self.program else ()
        return tuple(dict.fromkeys((*programs, *(digest for _, digest in self.files))))

    def to_message(self, op: str) -> Message:
        return {"op": op, **asdict(self)}

    @staticmethod
    def from_message(message: Mapping[str, Any]) -> "Job":
        """Raises `MessageError`."""
        files = message.get("files")
        if not isinstance(files, list | tuple) or len(files) > MAX_FILES:
            raise MessageError(f"files is not a list of at most {MAX_FILES}")
        key = text_of(message, "key", 100)
        if key == BUILD_KEY and (files or message.get("program")):
            raise MessageError("a build has neither a program nor files")
        return Job(
            identity=text_of(message, "identity", 100),
            key=key,
            program="" if key == BUILD_KEY else digest_of(message.get("program")),
            files=tuple(_file_of(entry) for entry in files),
            stdin=bytes_of(message, "stdin", MAX_STDIN_BYTES),
            candidate=digest_of(message.get("candidate")),
            fingerprint=text_of(message, "fingerprint", 100),
            priority=int(number_of(message, "priority", -1000, 1000)),
            timeout_secs=number_of(message, "timeout_secs", 0.01, 3600),
            memory_bytes=int(number_of(message, "memory_bytes", 0, 1 << 50)),
        )


def _file_of(entry: object) -> tuple[str, str]:
    if not isinstance(entry, list | tuple) or len(entry) != 2 or not isinstance(entry[0], str) or not _FILE_NAME.fullmatch(entry[0]):
        raise MessageError(f"{entry!r} is not a file name with its sha256"[:200])
    return entry[0], digest_of(entry[1])


class Ending(StrEnum):
    """How a job ended."""

    EXITED = "exited"  # code: the exit code
    KILLED = "killed"  # code: the signal
    TIMEOUT = "timeout"
    QUARANTINED = "quarantined"  # has taken devices of this model down before
    REFUSED = "refused"  # the tracker's or the device's limits; nothing ran
    NO_DEVICE = "no_device"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """output, errors: what the program wrote. device: its name. health: facts of the device at the end of the job."""

    identity: str
    ending: Ending
    code: int = 0
    text: str = ""
    output: bytes = field(default=b"", repr=False)
    errors: bytes = field(default=b"", repr=False)
    secs: float = 0.0
    device: str = ""
    health: Mapping[str, float | int | str] = field(default_factory=dict)

    def to_message(self) -> Message:
        return {"op": "result", **asdict(self), "ending": self.ending.value, "health": dict(self.health)}

    @staticmethod
    def from_message(message: Mapping[str, Any]) -> "JobResult":
        """Raises `MessageError`."""
        ending = text_of(message, "ending")
        if ending not in set(Ending):
            raise MessageError(f"unknown ending {ending!r}")
        return JobResult(
            identity=text_of(message, "identity", 100),
            ending=Ending(ending),
            code=int(number_of(message, "code", -256, 256)),
            text=text_of(message, "text"),
            output=bytes_of(message, "output", MAX_OUTPUT_BYTES),
            errors=bytes_of(message, "errors", MAX_STDIN_BYTES),
            secs=number_of(message, "secs", 0, 1e6),
            device=text_of(message, "device", 100),
            health=health_of(message),
        )


def health_of(message: Mapping[str, Any]) -> dict[str, float | int | str]:
    """At most 20 short facts."""
    health = message.get("health")
    if not isinstance(health, dict) or len(health) > 20:
        raise MessageError("health is not a dict of at most 20 facts")
    for name, value in health.items():
        if not isinstance(name, str) or not isinstance(value, float | int | str) or len(str(value)) > 100:
            raise MessageError("health holds what is neither a number nor a short text")
    return health


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """A device as the tracker sees it. busy: the user whose job it runs; empty: free. queued: jobs that wait for the key."""

    name: str
    key: str
    target: str
    device: Mapping[str, Any]
    fingerprint: str
    busy: str
    queued: int
    seen_secs_ago: float
    health: Mapping[str, float | int | str]
