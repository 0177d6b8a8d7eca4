"""A builder that says it has another llvmlite."""

import importlib.metadata
from typing import Any


def pretend() -> None:
    """Before anything of Tilewright's is imported."""
    version = importlib.metadata.version

    def other(name: str) -> Any:
        return "0.1.0" if name == "llvmlite" else version(name)

    importlib.metadata.version = other
