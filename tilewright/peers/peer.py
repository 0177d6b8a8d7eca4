"""The interface of a peer: a model and a number of threads in, something that runs and times itself out."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Protocol

import onnx
from numpy.typing import NDArray

from compiler.errors import TilewrightError

Arrays = Mapping[str, NDArray[Any]]


class MissingPeer(TilewrightError):
    """A library is not installed; the text says the command that installs it."""


class PeerError(TilewrightError):
    """A library cannot run this model; the text says why, in its own words."""


class Prepared(Protocol):
    """A model ready to run on a fixed number of threads."""

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        """The model's outputs, in its order."""
        ...

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        """Seconds of each of `calls` runs, after one that is not counted."""
        ...

    def close(self) -> None:
        """Gives threads and processes back."""
        ...


class Peer(Protocol):
    @property
    def name(self) -> str: ...

    def version(self) -> str: ...

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        """model: with static input shapes. Raises `PeerError`."""
        ...


def time_calls(call: Callable[[], object], calls: int) -> list[float]:
    """Seconds of each call, after one that is not counted."""
    call()
    secs = []
    for _ in range(calls):
        start = perf_counter()
        call()
        secs.append(perf_counter() - start)
    return secs
