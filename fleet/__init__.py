"""The device fleet: what runs on devices and on the tracker, and what both sides of a connection must agree on.

    client (measure/remote) --TLS--> tracker (fleet/tracker) <--TLS-- device (fleet/daemon), which times candidates in a sandboxed child

Knows none of the other packages and needs neither numpy nor a compiler, so that it installs alone on a small board (`pip install ./fleet`).
This package needs the standard library only; `fleet.wire`, `fleet.tracker` and `fleet.daemon` need Dask's `distributed`,
`fleet.certificates` needs `cryptography`.
"""

from fleet.address import Address, TrackerPlace
from fleet.device import Device, describe_host
from fleet.errors import ConnectionLostError, FleetError, MessageError, RefusedError, TlsError
from fleet.messages import BUILD_KEY, MAX_OUTPUT_BYTES, PROTOCOL, Blob, DeviceRow, Ending, Job, JobResult
from fleet.tls import Role, TlsBundle

__all__ = [
    "BUILD_KEY",
    "MAX_OUTPUT_BYTES",
    "PROTOCOL",
    "Address",
    "Blob",
    "ConnectionLostError",
    "Device",
    "DeviceRow",
    "Ending",
    "FleetError",
    "Job",
    "JobResult",
    "MessageError",
    "RefusedError",
    "Role",
    "TlsBundle",
    "TlsError",
    "TrackerPlace",
    "describe_host",
]
