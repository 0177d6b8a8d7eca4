"""The innermost loop of a kernel's assembly, the loops around it, and what llvm-mca predicts for them. Next: `predicted_kernel.py`.

llvm-mca is a part of LLVM's tools (Debian: `apt-get install llvm`); it simulates the scheduling of straight code by LLVM's model of a cpu
and knows neither caches nor branch prediction.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from compiler.errors import ToolchainError

ITERATIONS = 100
VERSIONS = ("", *(f"-{version}" for version in range(22, 13, -1)))
_LABEL = re.compile(r"^(?:\.LBB\d+_\d+:|(?://|@) %bb\.\d+)")
_DEPTH = re.compile(r"\bDepth=(\d+)")
_HEADER = re.compile(r"=>\s*This (?:Inner )?Loop Header: Depth=\d")
_IN_LOOP = re.compile(r"in Loop: Header=(BB\d+_\d+)")
_PARENT = re.compile(r"Parent Loop (BB\d+_\d+)")
_MULTIPLY_ADD = re.compile(r"^\s*(?:fmla|vfma\.f32|vmla\.f32)\s+(?:v\d+\.4s|q\d+)")
_BRANCH = re.compile(r"^\s*b(?:\.?(?:eq|ne|lt|le|gt|ge|lo|ls|hi|hs|mi|pl|cc|cs))?\s+\S+$")


@dataclass(frozen=True, slots=True)
class InnerLoop:
    """instructions: without the branch back, whose target is elsewhere. spills: vectors stored or loaded for lack of registers."""

    instructions: tuple[str, ...]
    spills: int

    @property
    def multiply_adds(self) -> int:
        """Vector multiply-adds, four float32 lanes each."""
        return sum(bool(_MULTIPLY_ADD.match(line)) for line in self.instructions)


@dataclass(frozen=True, slots=True)
class LoopNest:
    """around: of each loop that encloses the inner one, outermost first, the instructions that are in no other loop within it."""

    inner: InnerLoop
    around: tuple[tuple[str, ...], ...]


def find_loop_nest(assembly: str) -> LoopNest:
    """Of the blocks in the deepest loop that multiplies and adds, the one that does so most often; ValueError where there is none."""
    blocks: list[list[str]] = [[]]
    for line in assembly.split("\n"):
        if _LABEL.match(line):
            blocks.append([])
        blocks[-1].append(line)
    ranked = [(_depth(block), loop.multiply_adds, block, loop) for block in blocks if (loop := _read(block)).multiply_adds]
    if not ranked:
        raise ValueError("no loop of this kernel multiplies and adds vectors")
    _, _, chosen, inner = max(ranked, key=lambda each: each[:2])
    parents = [found[1] for line in chosen if (found := _PARENT.search(line))]
    around = {parent: list[str]() for parent in parents}
    for block in blocks:
        own = _loop_of(block)
        if own in around:
            around[own] += _read(block).instructions
    return LoopNest(inner, tuple(tuple(lines) for lines in around.values()))


def _loop_of(block: Sequence[str]) -> str:
    """The label of the header of the innermost loop that the block is in; empty outside of loops."""
    for line in block:
        if _HEADER.search(line):
            return block[0].partition(":")[0].removeprefix(".L")
        if found := _IN_LOOP.search(line):
            return found[1]
    return ""


def _depth(block: Sequence[str]) -> int:
    for line in block[:16]:
        found = _DEPTH.search(line)
        if found and "Parent Loop" not in line and "Child Loop" not in line:
            return int(found[1])
    return 0


def _read(block: Sequence[str]) -> InnerLoop:
    lines = [line for line in block if line.startswith("\t") and not line.startswith("\t.")]
    spills = sum("16-byte" in line for line in lines)
    plain = (re.split(r"\s*(?://|@ )", line)[0].strip() for line in lines)
    return InnerLoop(tuple(line for line in plain if line and not _BRANCH.match(line)), spills)


def find_mca() -> str:
    """llvm-mca, the newest; `ToolchainError` says how to get it."""
    for version in VERSIONS:
        found = shutil.which(f"llvm-mca{version}")
        if found:
            return found
    raise ToolchainError("llvm-mca is not on PATH: `apt-get install llvm` brings it")


def predicted_cycles(instructions: Sequence[str], arch: str, cpu: str) -> float:
    """Of one pass, in the steady state; `ToolchainError` with llvm-mca's words where it refuses."""
    triple = "aarch64-linux-gnu" if arch == "aarch64" else "armv7-linux-gnueabihf"
    words = [find_mca(), f"-mtriple={triple}", f"-mcpu={cpu}", f"-iterations={ITERATIONS}"]
    done = subprocess.run(words, input="\n".join(instructions) + "\n", capture_output=True, text=True, check=False)
    found = re.search(r"^Total Cycles:\s+(\d+)", done.stdout, re.MULTILINE)
    if done.returncode or not found:
        first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
        raise ToolchainError(f"{' '.join(words)}: {first}")
    return int(found[1]) / ITERATIONS
