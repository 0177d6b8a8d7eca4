"""The C compiler: the system's `cc` where it is there, else the one of the ziglang package.

In: C sources and objects. Out: a shared library. Next: `native_runtime.py`, which builds the runtime with it, and `link_model.py`.
"""

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import ToolchainError
from compiler.runtime.environment import read_environment

C_FLAGS = ("-std=c11", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror")
LINK_FLAGS = ("-shared", "-lpthread", "-lm")
MESSAGE_LINES = 3


@dataclass(frozen=True, slots=True)
class Toolchain:
    """command: the words that start the compiler; sources and options follow."""

    command: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Changes when another compiler, or another version of it, is used."""
        program = Path(self.command[0])
        stat = program.stat()
        return f"{' '.join(self.command)} {program.resolve()} {stat.st_size} {stat.st_mtime_ns}"

    def link_shared(self, sources: Sequence[Path], output: Path, options: Sequence[str] = ()) -> None:
        """One shared library from C sources, assembler sources and object files; `ToolchainError` with the compiler's words."""
        words = [*self.command, *C_FLAGS, *options, *map(str, sources), "-o", str(output), *LINK_FLAGS]
        try:
            done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise ToolchainError(f"cannot start the C compiler {' '.join(self.command)}: {error}") from error
        if done.returncode != 0:
            message = _main_lines(done.stderr or done.stdout)
            raise ToolchainError(f"{' '.join(self.command)} failed with exit code {done.returncode} on {output.name}: {message}")


def _main_lines(message: str) -> str:
    """The errors among a compiler's messages, in one line.

    >>> _main_lines("a.c: In function 'f':\\na.c:1:2: error: no x\\n  1 | x\\nld: cannot find -ly")
    'a.c:1:2: error: no x'
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return "; ".join((errors or lines)[:MESSAGE_LINES])


def find_toolchain(triple: str = "") -> Toolchain:
    """The C compiler for the triple (empty: this machine). TILEWRIGHT_CC decides if set; zig serves every foreign triple."""
    chosen = read_environment().c_compiler
    if chosen:
        program = shutil.which(chosen[0])
        if program is None:
            raise ToolchainError(f"TILEWRIGHT_CC names {chosen[0]!r}, which is not a program on PATH")
        return Toolchain((program, *chosen[1:]))
    system = shutil.which("cc")
    if system is not None and not triple:
        return Toolchain((system,))
    zig = _zig_program()
    if zig is None:
        wanted = f"for {triple}" if triple else "on PATH (cc)"
        raise ToolchainError(f"no C compiler {wanted}: install one, run `pip install ziglang`, or set TILEWRIGHT_CC")
    return Toolchain((str(zig), "cc", *(("-target", _zig_triple(triple)) if triple else ())))


def _zig_triple(triple: str) -> str:
    """LLVM's triple without the vendor, and 32-bit ARM by zig's name.

    >>> _zig_triple("aarch64-unknown-linux-gnu"), _zig_triple("armv7-unknown-linux-gnueabihf")
    ('aarch64-linux-gnu', 'arm-linux-gnueabihf')
    """
    arch, *rest = [part for part in triple.split("-") if part not in ("unknown", "pc")]
    return "-".join(["arm" if arch.startswith("armv7") else arch, *rest])


def _zig_program() -> Path | None:
    spec = importlib.util.find_spec("ziglang")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder) / "zig"
        if program.exists():
            return program
    return None
