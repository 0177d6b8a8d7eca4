"""Make sure that the packages imported under plain names are Tilewright's own, not a user's file of the same name.

Runs before any of them is imported, so it imports the standard library only.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("tuner", "records_db", "measure", "schedule_space", "compiler", "fleet")


class HiddenPackageError(ImportError):
    """Something on the import path has the name of one of Tilewright's packages; the text names the file to rename."""


def check_own_packages(names: Iterable[str] = PACKAGES) -> None:
    """The packages stand side by side with this one, wherever they are installed; raises `HiddenPackageError` for one that is not."""
    home = Path(__file__).resolve().parent.parent
    for name in names:
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None
        if origin is None:
            raise HiddenPackageError(f"'import {name}' finds nothing: install Tilewright again, its package {home / name} is missing")
        if origin != home / name / "__init__.py":
            raise HiddenPackageError(f"{origin} hides Tilewright's own package {name!r} ({home / name}): rename that file or its folder")
