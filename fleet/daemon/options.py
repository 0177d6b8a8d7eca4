"""The daemon's settings, in a form that the supervisor hands to its agent."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fleet.address import Address, TrackerPlace
from fleet.tls import TlsBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonOptions:
    """target: what clients should compile for; empty: theirs to know. memory_bytes: of a candidate's buffers; 0: no limit.

    cache: a folder for the files of jobs, emptied at the start; cache_bytes: what it may hold. audit: a file; None: standard error.
    run_with: the words before each candidate's program, the first an absolute path.
    """

    tracker: Address
    key: str
    name: str
    cache: Path
    bundle: Path | None = None
    insecure: bool = False
    target: str = ""
    sandbox: str = "auto"
    memory_bytes: int = 0
    cache_bytes: int = 1 << 30
    max_blob_bytes: int = 256 << 20
    power_cycle_command: str = ""
    run_with: tuple[str, ...] = ()
    audit: Path | None = None
    silence_secs: float = 15.0

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @staticmethod
    def from_json(text: str) -> "DaemonOptions":
        data = json.loads(text)
        for name in ("cache", "bundle", "audit"):
            data[name] = None if data[name] is None else Path(data[name])
        data["run_with"] = tuple(data["run_with"])
        return DaemonOptions(**data | {"tracker": Address(**data["tracker"])})

    def tracker_place(self) -> TrackerPlace:
        """Raises `TlsError`."""
        return TrackerPlace(address=self.tracker, bundle=self.read_bundle(), insecure=self.insecure, silence_secs=self.silence_secs)

    def read_bundle(self) -> TlsBundle | None:
        return None if self.bundle is None else TlsBundle.read(self.bundle)
