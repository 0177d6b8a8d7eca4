"""Which code made a schedule into machine code: release, git revision and LLVM version, kept with every session."""

import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import llvmlite.binding

GIT_TIMEOUT_SECS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompilerVersion:
    """git: `git describe --always --dirty` of the checkout, empty for an installed release. llvm: "20.1.8"."""

    version: str
    git: str
    llvm: str


@cache
def describe_compiler() -> CompilerVersion:
    """The compiler that this process would use."""
    llvm = ".".join(map(str, llvmlite.binding.llvm_version_info))
    return CompilerVersion(version=_release(), git=_git_revision(Path(__file__).resolve().parent.parent), llvm=llvm)


def _release() -> str:
    try:
        return version("tilewright")
    except PackageNotFoundError:
        return "unknown"


def _git_revision(root: Path) -> str:
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_SECS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
