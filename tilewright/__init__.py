"""Tilewright: a tensor compiler in which every kernel is found by search.

import tilewright as tw

model = tw.load("resnet18.onnx")
database = tw.Database("sqlite:///tuned.db")
tw.tune(model, target="host", database=database, trials=512)
executable = tw.compile(model, target="host", database=database)
(y,) = executable.run({"data": x})
"""

from tilewright.own_packages import check_own_packages

check_own_packages()

from compiler.errors import TilewrightError  # noqa: E402 - the packages are checked first
from compiler.runtime import Executable  # noqa: E402
from compiler.target import Target  # noqa: E402
from records_db import Database  # noqa: E402
from tilewright.compile_model import compile_model as compile  # noqa: A004, E402 - the face's own name
from tilewright.model import Model, load  # noqa: E402
from tilewright.tune_model import tune  # noqa: E402
from tilewright.tune_result import TuneResult  # noqa: E402
from tilewright.tune_views import show_progress  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "Database",
    "Executable",
    "Model",
    "Target",
    "TilewrightError",
    "TuneResult",
    "__version__",
    "compile",
    "load",
    "show_progress",
    "tune",
]
