"""Where a session measures and builds if not on this machine, as data. Next: `fleet_session.py` and `builder_session.py`, which need the
fleet's packages.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from compiler.target import Target
from measure import ArtifactBuilder, BuildRequest, Built, Measurement, Runner, RunnerOptions


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
        """For a command line, beside those of `connection_words`."""
        words = ["--tracker", self.tracker, "--key", self.key]
        words += ["--priority", str(self.priority)] if self.priority else []
        return words + (["--devices", str(self.devices)] if self.devices > 1 else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderChoice:
    """tracker: whose builders build. bundle: a TLS bundle."""

    tracker: str
    bundle: Path | None = None
    insecure: bool = False

    @property
    def words(self) -> list[str]:
        """For a command line, beside those of `connection_words`."""
        return ["--builders", self.tracker]


def connection_words(choice: FleetChoice | BuilderChoice) -> list[str]:
    """How trackers are talked to, for a command line; the same for both."""
    words = ["--tls", str(choice.bundle)] if choice.bundle else []
    return words + (["--insecure"] if choice.insecure else [])


class MeasuringPlace(Protocol):
    """Where kernels are timed, other than here."""

    def resolve_target(self, text: str, threads: int | None) -> Target:
        """What to compile for."""

    def runner(self, builder: ArtifactBuilder, running: RunnerOptions) -> AbstractContextManager[tuple[ArtifactBuilder, Runner]]:
        """The runner, and the builder to use with it."""


class BuildingPlace(Protocol):
    """Where kernels are built, other than here: an `ArtifactBuilder`."""

    @property
    def slots(self) -> int:
        """How many builds go on at a time."""

    def stream(self, requests: Sequence[BuildRequest]) -> Iterator[tuple[int, Built | Measurement]]:
        """As of `ArtifactBuilder`."""
