"""A connection to a tracker, as the options of a command line name it. Needs the packages of the fleet."""

from pathlib import Path

from fleet import Address, TlsBundle
from fleet.client import FarmClient, FarmOptions


def tracker_client(tracker: str, bundle: Path | None, insecure: bool) -> FarmClient:
    """Raises `FleetError`."""
    read = TlsBundle.read(bundle) if bundle else None
    return FarmClient(FarmOptions(tracker=Address.parse(tracker), bundle=read, insecure=insecure))
