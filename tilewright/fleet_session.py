"""A connection to a tracker for one tuning session. In: `FleetChoice`. Out: the target of its devices, and a runner that times on them.

Imported only where a tracker is given, since it needs the packages of the fleet.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from compiler.errors import TargetError
from compiler.target import Target
from fleet import describe_host
from fleet.client import FarmClient
from measure import ArtifactBuilder, RunnerOptions
from measure.remote import DeviceGroup, MeasureAhead, RemoteOptions, RemoteRunner, find_group
from tilewright.fleet_choice import FleetChoice
from tilewright.fleet_errors import shown_as_errors
from tilewright.resolve_target import resolve_target
from tilewright.tracker_client import tracker_client

TIMEOUT_SECS = 30.0  # of a candidate: a board needs a while for what a desktop does in ten


class FleetSession:
    """A `MeasuringPlace`."""

    def __init__(self, choice: FleetChoice, client: FarmClient) -> None:
        self._choice = choice
        self._client = client
        self._group: DeviceGroup = find_group(client, choice.key)

    def resolve_target(self, text: str, threads: int | None) -> Target:
        """`host` is the device: what its daemon was started with, or this machine's target if it is of this machine's kind."""
        if text != "host":
            return resolve_target(text, threads)
        if self._group.target:
            return resolve_target(self._group.target, threads)
        here, there = describe_host(), self._group.device
        if (here.model, dict(here.facts).get("features")) != (there.model, dict(there.facts).get("features")):
            raise TargetError(f"what to compile for {there} is not known: give --target, here or where the device was started")
        return replace(resolve_target(text, None), cores=threads or there.cores)

    @contextmanager
    def runner(self, builder: ArtifactBuilder, running: RunnerOptions) -> Iterator[tuple[ArtifactBuilder, RemoteRunner]]:
        options = RemoteOptions(key=self._choice.key, devices=self._choice.devices, priority=self._choice.priority)
        with RemoteRunner(self._client, options, replace(running, timeout_secs=TIMEOUT_SECS), self._group) as runner:
            yield MeasureAhead(builder, runner), runner


@contextmanager
def open_fleet(choice: FleetChoice) -> Iterator[FleetSession]:
    with shown_as_errors(), tracker_client(choice.tracker, choice.bundle, choice.insecure) as client:
        yield FleetSession(choice, client)
