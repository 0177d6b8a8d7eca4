"""What was measured of one workload's space, as a small file: thousands of candidates with their times, in the parameters of that day.

`record_workload.py` makes them; `recorded_space.py` lets searches run on them. A file is JSON under gzip, one column of numbers per
parameter and per quantity; it needs neither the template nor the machine that it came from.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import TilewrightError
from compiler.workload import Workload
from measure import Device, MeasureStatus
from schedule_space import Candidate, Parameter

FORMAT = 1
SUFFIX = ".json.gz"
DIGITS = 5  # of times and quantities; a machine repeats a time to three
AGAIN = "python -m benchmarks.record_search_data"

Times = NDArray[np.float64]


class RecordingError(ValueError):
    """A recording that cannot be used, in one line."""


class Origin(StrEnum):
    """Why a candidate was measured. A sample is uniform over the valid points of the space, the others are not."""

    SAMPLE = "sample"
    SEARCH = "search"
    NEIGHBOUR = "neighbour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """footprint_bytes: of weights that calls took turns with; 0: the caches kept them. compiler: version and git revision."""

    recorded: str
    device: Device
    compiler: str
    seed: int
    footprint_bytes: int

    def to_json(self) -> dict[str, Any]:
        return {
            "recorded": self.recorded,
            "device": self.device.to_json(),
            "compiler": self.compiler,
            "seed": self.seed,
            "footprint_bytes": self.footprint_bytes,
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Recording:
    """Candidates are rows. choices: (candidates, parameters), each the position among the parameter's choices.

    run_secs: not-a-number where the candidate has no time; of the fastest ones (retimed) from a comparison with each other.
    quantities: what the template of that day told of the candidates, (candidates,) each. spills: -1 where it is not known.
    default: the row of the template's default. exhaustive: every valid candidate of the space is here.
    """

    name: str
    network: str
    workload: Workload
    target: str
    threads: int
    provenance: Provenance
    parameters: tuple[Parameter, ...]
    choices: NDArray[np.uint16]
    run_secs: Times
    retimed: NDArray[np.bool_]
    statuses: tuple[MeasureStatus, ...]
    origins: tuple[Origin, ...]
    spills: NDArray[np.int64]
    quantities: Mapping[str, Times]
    default: int
    exhaustive: bool

    def __len__(self) -> int:
        return len(self.run_secs)

    @property
    def best_secs(self) -> float:
        """The best known."""
        return float(np.nanmin(self.run_secs))

    @property
    def default_secs(self) -> float:
        return float(self.run_secs[self.default])

    def candidate(self, row: int) -> Candidate:
        picked = zip(self.parameters, self.choices[row].tolist(), strict=True)
        return Candidate(tuple((parameter.name, parameter.choices[index]) for parameter, index in picked))

    def save(self, folder: Path) -> Path:
        """Writes the file, whole or not at all."""
        path = folder / file_name(self.name)
        data = {
            "format": FORMAT,
            "name": self.name,
            "network": self.network,
            **self.provenance.to_json(),
            "target": self.target,
            "threads": self.threads,
            "workload": self.workload.to_json(),
            "default": self.default,
            "exhaustive": self.exhaustive,
            "parameters": [
                [parameter.name, list(parameter.choices), column]
                for parameter, column in zip(self.parameters, self.choices.T.tolist(), strict=True)
            ],
            "run_secs": _short(self.run_secs),
            "retimed": np.flatnonzero(self.retimed).tolist(),
            "statuses": _codes(self.statuses, MeasureStatus),
            "origins": _codes(self.origins, Origin),
            "spills": self.spills.tolist(),
            "quantities": {name: _short(column) for name, column in self.quantities.items()},
        }
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(gzip.compress(json.dumps(data, separators=(",", ":")).encode(), mtime=0))
        draft.replace(path)
        return path


def file_name(name: str) -> str:
    return name.replace(" ", "-") + SUFFIX


def load_recording(path: Path) -> Recording:
    """Raises `RecordingError` for a file of another format, or one that is broken."""
    try:
        data = json.loads(gzip.decompress(path.read_bytes()))
        found = data["format"]
        recording = _decode(data) if found == FORMAT else None
    except (OSError, EOFError, zlib.error, TilewrightError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RecordingError(f"{path} cannot be read as a recording ({type(error).__name__}: {error}); make it again: {AGAIN}") from error
    if recording is None:
        raise RecordingError(f"{path} has format {found!r}, and this version reads {FORMAT}; make it again: {AGAIN}")
    return recording


def load_recordings(folder: Path) -> list[Recording]:
    """All of a folder, by name."""
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    if not paths:
        raise RecordingError(f"there are no recordings in {folder}; make them: {AGAIN}")
    return [load_recording(path) for path in paths]


def _decode(data: Mapping[str, Any]) -> Recording:
    parameters = tuple(Parameter(name, tuple(choices)) for name, choices, _ in data["parameters"])
    run_secs = _times(data["run_secs"])
    retimed = np.zeros(len(run_secs), np.bool_)
    retimed[data["retimed"]] = True
    return Recording(
        name=data["name"],
        network=data["network"],
        workload=Workload.from_json(data["workload"]),
        target=data["target"],
        threads=data["threads"],
        provenance=Provenance(
            recorded=data["recorded"],
            device=Device.from_json(data["device"]),
            compiler=data["compiler"],
            seed=data["seed"],
            footprint_bytes=data["footprint_bytes"],
        ),
        parameters=parameters,
        choices=np.array([column for _, _, column in data["parameters"]], np.uint16).reshape(len(parameters), len(run_secs)).T.copy(),
        run_secs=run_secs,
        retimed=retimed,
        statuses=tuple(list(MeasureStatus)[code] for code in data["statuses"]),
        origins=tuple(list(Origin)[code] for code in data["origins"]),
        spills=np.array(data["spills"], np.int64),
        quantities={name: _times(column) for name, column in data["quantities"].items()},
        default=data["default"],
        exhaustive=data["exhaustive"],
    )


def _codes(values: Iterable[StrEnum], kind: type[StrEnum]) -> list[int]:
    numbers = {value: position for position, value in enumerate(kind)}
    return [numbers[value] for value in values]


def _short(values: Times) -> list[float | int | None]:
    """Numbers of few digits; JSON has no not-a-number."""
    short = (None if np.isnan(value) else float(f"{value:.{DIGITS}g}") for value in values.tolist())
    return [int(value) if value is not None and value.is_integer() else value for value in short]


def _times(values: Iterable[float | None]) -> Times:
    return np.array([np.nan if value is None else value for value in values], np.float64)
