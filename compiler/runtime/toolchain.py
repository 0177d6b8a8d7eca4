"""The C compiler: the system's `cc` where it is there, else the one of the ziglang package, which also serves all other machines.

In: C sources and objects. Out: a library or a program. Next: `native_runtime.py`, which builds the runtime with it, `link_model.py`, and
`write_standalone.py`.
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
OLDEST_GLIBC = "2.28"  # Debian 10, from which Raspberry Pi OS of 2019 was made


@dataclass(frozen=True, slots=True)
class Toolchain:
    """command: the words that start the compiler; sources and options follow."""

    command: tuple[str, ...]

    @property
    def is_zig(self) -> bool:
        return Path(self.command[0]).name.startswith("zig")

    @property
    def identity(self) -> str:
        """Changes when another compiler, or another version of it, is used."""
        program = Path(self.command[0])
        stat = program.stat()
        return f"{' '.join(self.command)} {program.resolve()} {stat.st_size} {stat.st_mtime_ns}"

    def link_shared(self, sources: Sequence[Path], output: Path, options: Sequence[str] = ()) -> None:
        """One shared library from C sources, assembler sources and object files; `ToolchainError` with the compiler's words."""
        self._run([*self.command, *C_FLAGS, *options, *map(str, sources), "-o", str(output), *LINK_FLAGS], output)

    def compile_object(self, source: Path, output: Path, options: Sequence[str] = ()) -> None:
        """One object file of a C source."""
        self._run([*self.command, *C_FLAGS, *options, "-c", str(source), "-o", str(output)], output)

    def link_program(self, words: Sequence[str], output: Path) -> None:
        """words: sources, archives and options, in order."""
        self._run([*self.command, *words, "-o", str(output)], output)

    def archive(self, objects: Sequence[Path], output: Path) -> None:
        """A static library."""
        zig = _zig_program()
        archiver = (str(zig), "ar") if zig else (shutil.which("ar") or "ar",)
        self._run([*archiver, "crs", str(output), *map(str, objects)], output)

    def _run(self, words: Sequence[str], output: Path) -> None:
        try:
            done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise ToolchainError(f"cannot start {words[0]} for {output.name}: {error}") from error
        if done.returncode != 0:
            message = _main_lines(done.stderr or done.stdout)
            command = " ".join(self.command) if words[: len(self.command)] == list(self.command) else " ".join(words[:2])
            raise ToolchainError(f"{command} failed with exit code {done.returncode} on {output.name}: {message}")


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
    return Toolchain((str(zig), "cc", *(("-target", zig_triple(triple)) if triple else ())))


def zig_triple(triple: str) -> str:
    """LLVM's triple without the vendor, 32-bit ARM by zig's name, and the C library that boards of some age have.

    >>> zig_triple("aarch64-unknown-linux-gnu"), zig_triple("armv7-unknown-linux-gnueabihf"), zig_triple("aarch64-linux-musl")
    ('aarch64-linux-gnu.2.28', 'arm-linux-gnueabihf.2.28', 'aarch64-linux-musl')
    """
    arch, *rest = [part for part in triple.split("-") if part not in ("unknown", "pc")]
    name = "-".join(["arm" if arch.startswith("armv7") else arch, *rest])
    return f"{name}.{OLDEST_GLIBC}" if rest[-1].startswith("gnu") else name


def _zig_program() -> Path | None:
    spec = importlib.util.find_spec("ziglang")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder) / "zig"
        if program.exists():
            return program
    return None
