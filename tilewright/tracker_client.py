"""A connection to a tracker, as the options of a command line name it. Needs the packages of the fleet."""

from pathlib import Path

from fleet import Address
from fleet.client import FarmClient, FarmOptions
from fleet.program_options import read_bundle


def tracker_client(tracker: str, bundle: Path | None, insecure: bool) -> FarmClient:
    """Raises `FleetError`."""
    return FarmClient(FarmOptions(tracker=Address.parse(tracker), bundle=read_bundle(bundle), insecure=insecure))
