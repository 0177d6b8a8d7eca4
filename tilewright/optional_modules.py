"""Modules that need packages which are not always installed, or that take long to import: found when they are used."""

import importlib
from typing import Any

from compiler.errors import TilewrightError


class MissingPackageError(TilewrightError):
    """A part of Tilewright cannot be used as installed; the text says what to install."""


def load_optional(name: str, extra: str) -> Any:
    """The module; `MissingPackageError` names the package that it lacks."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"this needs the package {(error.name or name).partition('.')[0]}: pip install 'tilewright[{extra}]'"
        ) from error
