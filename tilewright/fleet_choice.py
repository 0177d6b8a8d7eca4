"""Where a session measures if not on this machine, as data. Next: `fleet_session.py`, which needs the fleet's packages."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from compiler.target import Target
from measure import ArtifactBuilder, Runner, RunnerOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetChoice:
    """devices: how many with the key are used at a time. bundle: a TLS bundle. priority: larger goes before others."""

    tracker: str
    key: str
    bundle: Path | None = None
    insecure: bool = False
    priority: int = 0
    devices: int = 1

    @property
    def words(self) -> list[str]:
        """For a command line."""
        words = ["--tracker", self.tracker, "--key", self.key]
        words += ["--tls", str(self.bundle)] if self.bundle else []
        words += ["--insecure"] if self.insecure else []
        words += ["--priority", str(self.priority)] if self.priority else []
        return words + (["--devices", str(self.devices)] if self.devices > 1 else [])


class MeasuringPlace(Protocol):
    """Where kernels are timed, other than here."""

    def resolve_target(self, text: str, threads: int | None) -> Target:
        """What to compile for."""

    def runner(self, builder: ArtifactBuilder, running: RunnerOptions) -> AbstractContextManager[tuple[ArtifactBuilder, Runner]]:
        """The runner, and the builder to use with it."""
