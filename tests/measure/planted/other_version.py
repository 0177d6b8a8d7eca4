"""Imported first, makes a builder say that it has another llvmlite."""

import importlib.metadata
from typing import Any

_version = importlib.metadata.version


def _other(name: str) -> Any:
    return "0.1.0" if name == "llvmlite" else _version(name)


importlib.metadata.version = _other
