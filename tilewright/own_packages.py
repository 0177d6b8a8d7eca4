"""Make sure that the packages imported under plain names are Tilewright's own, not a user's file of the same name."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from compiler.errors import TilewrightError

PACKAGES = ("tuner", "records_db", "measure", "schedule_space", "compiler")


def check_own_packages(names: Iterable[str] = PACKAGES) -> None:
    """Raises an error that names the file to rename where something on the path hides one of our packages.

    The packages stand side by side with this one, wherever they are installed.
    """
    home = Path(__file__).resolve().parent.parent
    for name in names:
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None
        if origin is None or origin.parent.parent != home:
            found = origin or "nothing"
            raise TilewrightError(f"'import {name}' finds {found}, not Tilewright's own package in {home}: rename that file or folder")
