"""What was learnt elsewhere: a model over the fixed features of which candidate of a kernel is faster, and by how much, stored in a file.

In: fixed rows of any workload, template and target. Out: log(seconds), whose level is a guess, that of a typical task.
`train_prior.py` makes one from records. Next: `prior_guided_model.py`, which corrects it by a task's own times, and `zero_trial.py`.

The file is gzip around one line of JSON, the header, and XGBoost's own UBJSON. XGBoost's reader dies of bytes that are not its own, so it
gets only what stands under a header with the checksum.
"""

import gzip
import hashlib
import json
import zlib
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from math import log
from pathlib import Path
from typing import Any, Self

import numpy as np
import xgboost

from schedule_space import ScheduleSpace
from tuner.cost_models.cost_model import Vector
from tuner.cost_models.fixed_features import FEATURES_VERSION, FIXED_COLUMNS, FIXED_WIDTH, Matrix
from tuner.cost_models.nominal_time import nominal_secs
from tuner.errors import PriorError

FORMAT = "tilewright cost model 2"
SHIPPED = "prior.ubj.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorHeader:
    """source: where the records come from, for people. deviation: of log(time) from the prediction, over workloads that it was not trained
    on, the mean error of each workload taken out. devices: models of the machines that the records were measured on. level, slope:
    log(time / nominal time) at score 0 of the trees, and per unit of it; the slope is not above zero."""

    features_version: int
    source: str
    records: int
    workloads: int
    devices: tuple[str, ...]
    deviation: float
    level: float
    slope: float


class Prior:
    """header and trees; immutable."""

    def __init__(self, booster: Any, header: PriorHeader) -> None:
        self._booster = booster
        self.header = header

    def log_ratios(self, fixed_rows: Matrix) -> Vector:
        """log(time / nominal time) of rows of `FIXED_COLUMNS`."""
        if not len(fixed_rows):
            return np.zeros(0)
        log_ratios: Vector = self.header.level + self.header.slope * np.asarray(self._booster.inplace_predict(fixed_rows), np.float64)
        return log_ratios

    def log_secs(self, space: ScheduleSpace, rows: Matrix) -> Vector:
        """log(seconds) of encoded rows of a space: their fixed columns are the last ones."""
        return self.log_ratios(rows[:, rows.shape[1] - FIXED_WIDTH :]) + log(nominal_secs(space.workload, space.target))

    def to_bytes(self) -> bytes:
        trees = bytes(self._booster.save_raw("ubj"))
        header = {"format": FORMAT, **asdict(self.header), "columns": FIXED_COLUMNS, "sha256": hashlib.sha256(trees).hexdigest()}
        return gzip.compress(json.dumps(header).encode() + b"\n" + trees, mtime=0)

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Self:
        """Raises `PriorError`, with `name` in its text."""
        header, trees = _parse(data, name)
        version, columns = header["features_version"], tuple(header["columns"])
        if version != FEATURES_VERSION or columns != FIXED_COLUMNS:
            found = f"features of version {version} ({len(columns)} columns)"
            known = f"version {FEATURES_VERSION} ({FIXED_WIDTH} columns)"
            raise PriorError(f"{name} was trained on {found}, this version of Tilewright computes {known}; train it anew from its records")
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(bytearray(trees))
        except xgboost.core.XGBoostError as error:
            raise PriorError(f"{name} is of a version of XGBoost that {xgboost.__version__} cannot read; train it anew") from error
        values: dict[str, Any] = {field.name: header[field.name] for field in fields(PriorHeader)}
        return cls(booster, PriorHeader(**{**values, "devices": tuple(values["devices"])}))

    def save(self, path: Path) -> int:
        """Writes the file; its size in bytes. Raises `PriorError` where that fails."""
        data = self.to_bytes()
        try:
            path.write_bytes(data)
        except OSError as error:
            raise PriorError(f"cannot write the cost model {path}: {error.strerror}") from error
        return len(data)

    @classmethod
    def load(cls, path: Path) -> Self:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PriorError(f"cannot read the cost model {path}: {error.strerror}") from error
        return cls.from_bytes(data, str(path))


def _parse(data: bytes, name: str) -> tuple[dict[str, Any], bytes]:
    """The header, which has all its fields, and the trees as they were written."""
    try:
        line, _, trees = gzip.decompress(data).partition(b"\n")
        header = json.loads(line)
    except (OSError, EOFError, zlib.error, ValueError):
        header, trees = None, b""
    wanted = {"format", "columns", "sha256", *(field.name for field in fields(PriorHeader))}
    if not isinstance(header, dict) or not wanted <= set(header) or header["format"] != FORMAT:
        raise PriorError(f"{name} is not a file of `tilewright cost-model train`, or one of another version, or only a part of one")
    if header["sha256"] != hashlib.sha256(trees).hexdigest():
        raise PriorError(f"{name} was changed after it was written: its checksum is another one; train it anew")
    return header, trees


@cache
def shipped_prior() -> Prior:
    """The one that comes with the package; `docs/command-line.md` says how it is made."""
    return Prior.from_bytes(files("tuner.cost_models").joinpath(SHIPPED).read_bytes(), f"the shipped {SHIPPED}")
