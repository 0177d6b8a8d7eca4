"""Under which conditions a table was measured: what every benchmark prints first, and puts into its JSON."""

import os
import platform
import shlex
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from compiler.target import Target
from measure import Ceiling, describe_host

OWN_LIBRARIES = ("tilewright", "llvmlite", "numpy", "xgboost")


@dataclass(frozen=True, slots=True)
class Conditions:
    """load: the machine's, in runnable processes over the minute before. ceilings: added when they have been measured."""

    command: str
    device: str
    target: str
    machine: str
    system: str
    load: float
    versions: dict[str, str]
    ceilings: tuple[Ceiling, ...] = ()

    def lines(self) -> list[str]:
        versions = ", ".join(f"{name} {text}" for name, text in self.versions.items())
        return [
            f"$ {self.command}",
            f"device: {self.device}; {self.system}; load before {self.load:.2f}",
            f"code for: {self.machine}",
            f"versions: {versions}",
            *(
                f"ceiling, {c.threads} thread{'s' * (c.threads > 1)}: {c.gflops:.1f} GFLOP/s, {c.gbytes:.1f} GB/s read"
                for c in self.ceilings
            ),
        ]

    def to_json(self) -> dict[str, object]:
        return {
            "command": self.command,
            "device": self.device,
            "target": self.target,
            "system": self.system,
            "load": self.load,
            "versions": self.versions,
            "ceilings": [{"threads": c.threads, "gflops": c.gflops, "gbytes": c.gbytes} for c in self.ceilings],
        }


def read_conditions(module: str, target_name: str = "host") -> Conditions:
    """Before anything is timed, since the load is part of it.

    module: what was run, as in `python -m benchmarks.models`; target_name: of our code.
    """
    target = Target.parse(target_name)
    return Conditions(
        command=shlex.join(["python", "-m", module, *sys.argv[1:]]),
        device=str(describe_host()),
        target=str(target),
        machine=f"{target.cpu}, {target.vector_bits}-bit vectors, {target.vector_registers} registers",
        system=f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        load=os.getloadavg()[0],
        versions={name: package_version(name) for name in OWN_LIBRARIES},
    )


def package_version(package: str) -> str:
    """Of an installed distribution."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
