"""The interface of the views: a context manager around a session, called with each of its events."""

from types import TracebackType
from typing import Protocol, Self

from tuner import Event


class TuneView(Protocol):
    """Usable as the `on_event` of `tune`; leaving the context gives the terminal back, whatever ended the session."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def __call__(self, event: Event) -> None: ...
