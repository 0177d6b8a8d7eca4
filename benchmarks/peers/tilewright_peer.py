"""Tilewright itself, behind the interface of the others: tuned from a database, or with its default schedules."""

from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

import onnx
from numpy.typing import NDArray

import tilewright as tw
from tilewright.peers import Arrays, Prepared, time_calls


@dataclass(frozen=True, slots=True)
class _Compiled:
    executable: tw.Executable

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        return self.executable.run(inputs)

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        return time_calls(partial(self.executable.run, inputs), calls)

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class TilewrightPeer:
    """trials: how many each `prepare` adds to the database before it compiles."""

    database: tw.Database | None = None
    trials: int = 0
    seed: int = 0
    target: str = "host"
    name: str = field(default="tilewright", init=False)

    def version(self) -> str:
        return version("tilewright")

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        loaded = tw.load(model.SerializeToString())
        if self.database is not None and self.trials:
            tw.tune(loaded, target=self.target, database=self.database, trials=self.trials, threads=threads, seed=self.seed)
        return _Compiled(tw.compile(loaded, target=self.target, database=self.database, threads=threads))
