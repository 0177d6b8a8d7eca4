"""What two machines must have in common for a request to become the same code on both: the compiler's sources, llvmlite, LLVM.

Out: a `Device`, which is how a tracker tells builders apart; its fingerprint is part of each order. Used by both ends.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

import llvmlite.binding

from compiler.driver import code_version
from fleet import Device

CODE_DIGITS = 12


@cache
def describe_builder() -> Device:
    """This machine as a builder. Its processor is no part of it: code is made for the target of the order."""
    llvm = ".".join(map(str, llvmlite.binding.llvm_version_info))
    model = f"Tilewright {_release()}, llvmlite {version('llvmlite')}"
    return Device(model=model, cores=1, facts=(("code", code_version()[:CODE_DIGITS]), ("llvm", llvm)))


def version_text(builder: Device) -> str:
    """For people: `Tilewright 0.1.0, llvmlite 0.50.0 (code 3f9c2a1b77d0)`."""
    return f"{builder.model} (code {dict(builder.facts).get('code', 'unknown')})"


def _release() -> str:
    try:
        return version("tilewright")
    except PackageNotFoundError:
        return "unknown"
