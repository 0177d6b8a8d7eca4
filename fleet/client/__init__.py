"""The client's end of a connection to a tracker. In: jobs with their files. Out: a future for each. Next: `measure/remote`."""

from fleet.client.farm_client import FarmClient, FarmOptions

__all__ = ["FarmClient", "FarmOptions"]
