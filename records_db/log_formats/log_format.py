"""The logs of other tools that can be read, by name. A new one is a function from lines to records, and one line that registers it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from records_db.foreign_record import ForeignRecord

Line = tuple[int, str]


@dataclass(frozen=True, slots=True)
class BadLine:
    """line: its number, from 1. reason: what is wrong with it, to follow "line 12 "."""

    line: int
    reason: str


Reader = Callable[[Iterable[Line]], Iterator[ForeignRecord | BadLine]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFormat:
    """recognises: whether the first line that is no comment is one of this format.

    read: numbered lines, without those that are blank or comments -> records; a format that is one document reads them all first.
    """

    name: str
    recognises: Callable[[str], bool]
    read: Reader


LOG_FORMATS: dict[str, LogFormat] = {}


def register_log_format(name: str, recognises: Callable[[str], bool]) -> Callable[[Reader], Reader]:
    """Decorator of the function that reads the format."""

    def register(read: Reader) -> Reader:
        if name in LOG_FORMATS:
            raise ValueError(f"log format {name!r} is registered twice")
        LOG_FORMATS[name] = LogFormat(name=name, recognises=recognises, read=read)
        return read

    return register
