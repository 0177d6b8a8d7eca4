"""Time a candidate: build it in a worker process, run it in a killable child, say what came of it. Next: `records_db`, which keeps it."""

from measure.device import Device, describe_host
from measure.measurement import Measurement, MeasureStatus, Verification

__all__ = [
    "Device",
    "MeasureStatus",
    "Measurement",
    "Verification",
    "describe_host",
]
