"""The tracker's settings."""

from dataclasses import dataclass, field
from pathlib import Path

from fleet.address import Address
from fleet.messages import DEFAULT_PORT
from fleet.tls import TlsBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerOptions:
    """store: a folder for the files of jobs, emptied at the start. audit: a file; None: standard error. revoked: a revocation list.

    silence_secs: who has not been heard of for so long is gone. patience_secs: how long a job waits for any device that can do it.
    max_blob_bytes: of one file of a job; store_bytes: of all that are kept at a time; max_jobs: that one client may have waiting.
    """

    store: Path
    address: Address = field(default=Address("127.0.0.1", DEFAULT_PORT))
    bundle: TlsBundle | None = None
    insecure: bool = False
    audit: Path | None = None
    revoked: Path | None = None
    silence_secs: float = 15.0
    patience_secs: float = 60.0
    max_blob_bytes: int = 256 << 20
    store_bytes: int = 2 << 30
    max_jobs: int = 1000
