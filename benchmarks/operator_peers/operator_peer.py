"""The interface of a library that computes one operator: a case in, something that runs and times itself out."""

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from benchmarks.operator_case import Array, OperatorCase


class PreparedOperator(Protocol):
    """An operator on one thread, its input in the library's own layout where it can be, its weights packed."""

    def run(self) -> Array:
        """The result as the case's reference has it."""
        ...

    def time(self, calls: int) -> float:
        """Mean seconds of a call."""
        ...


class OperatorPeer(Protocol):
    @property
    def name(self) -> str: ...

    def prepare(self, case: OperatorCase) -> PreparedOperator: ...


def mean_secs(call: Callable[[], object], calls: int) -> float:
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls
