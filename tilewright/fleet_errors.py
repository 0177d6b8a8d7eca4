"""Errors of the fleet, which knows none of Tilewright's other packages, as errors of the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

from compiler.errors import TilewrightError
from fleet import FleetError


class FleetCommandError(TilewrightError):
    """The fleet cannot do what was asked; the text is the fleet's own."""


@contextmanager
def shown_as_errors() -> Iterator[None]:
    try:
        yield
    except FleetError as error:
        raise FleetCommandError(str(error)) from error
