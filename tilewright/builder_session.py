"""A connection to a tracker's builders for one tuning session. In: `BuilderChoice`. Out: what `tune` hands its candidates to.

Imported only where builders are asked for, since it needs the packages of the fleet.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from measure.remote_builds import RemoteBuilder
from tilewright.fleet_choice import BuilderChoice
from tilewright.fleet_errors import shown_as_errors
from tilewright.tracker_client import tracker_client


@contextmanager
def open_builders(choice: BuilderChoice) -> Iterator[RemoteBuilder]:
    with shown_as_errors(), tracker_client(choice.tracker, choice.bundle, choice.insecure) as client, RemoteBuilder(client) as builder:
        yield builder
