"""The native files that a device needs: the harness, once per target, and each candidate as a shared library.

In: a `Target`, object code. Out: `Blob`s. The harness (`harness.c`) exports the runtime that candidates call. Next: `remote_runner.py`.
"""

import hashlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from compiler.driver import runs_here
from compiler.errors import ToolchainError
from compiler.runtime import Toolchain, find_toolchain, read_environment
from compiler.runtime.native_runtime import NATIVE_FOLDER, RUNTIME_HEADERS, RUNTIME_SOURCES
from compiler.runtime.toolchain import C_FLAGS
from compiler.target import Target
from fleet import Blob

HARNESS_SOURCE = Path(__file__).parent / "harness.c"
HARNESS_FLAGS = (*C_FLAGS, "-rdynamic", "-s", f"-I{NATIVE_FOLDER}")
HARNESS_LIBRARIES = ("-lpthread", "-Wl,--no-as-needed", "-lm", "-ldl")  # candidates take their libm from here

# What LLVM calls where a processor has no instruction, such as a division of 64-bit integers on 32-bit ARM (__aeabi_uldivmod). Compilers
# bring these functions along hidden, so that no candidate finds those of the harness.
COMPILER_FUNCTION = re.compile(rb"\0__[a-z]\w+\0")  # in an object's table of names


@dataclass(frozen=True, slots=True)
class NativeTools:
    """The compiler for harnesses, and the words that link a shared library from an object file; the compiler takes ten times as long."""

    compiler: Toolchain
    linker: tuple[str, ...]

    @staticmethod
    def for_target(target: Target, *, like_this_machine: bool) -> "NativeTools":
        """like_this_machine: the device has this machine's operating system, so that what its compiler links runs there."""
        if like_this_machine and runs_here(target):
            compiler = find_toolchain()
            system = shutil.which("ld")
            if system is not None and not compiler.is_zig:
                return NativeTools(compiler, (system, "-shared"))
        else:
            compiler = find_toolchain(target.triple)
        if compiler.is_zig:
            return NativeTools(compiler, (compiler.command[0], "ld.lld", "-shared"))  # 7 ms; through `zig cc` 60 ms
        return NativeTools(compiler, (*compiler.command, "-shared", "-nostdlib"))

    def harness(self) -> Blob:
        """Built on first use, then from the cache folder."""
        digest = hashlib.sha256("\0".join((self.compiler.identity, *HARNESS_FLAGS, *HARNESS_LIBRARIES)).encode())
        for source in (HARNESS_SOURCE, *RUNTIME_SOURCES, *RUNTIME_HEADERS):
            digest.update(source.read_bytes())
        folder = read_environment().cache_folder
        program = folder / f"harness_{digest.hexdigest()[:16]}"
        try:
            if not program.exists():
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(prefix=".harness-", dir=folder) as name:
                    built = Path(name) / "harness"
                    _run(
                        (
                            *self.compiler.command,
                            *HARNESS_FLAGS,
                            str(HARNESS_SOURCE),
                            *map(str, RUNTIME_SOURCES),
                            "-o",
                            str(built),
                            *HARNESS_LIBRARIES,
                        )
                    )
                    built.replace(program)
            return Blob.of(program.read_bytes())
        except OSError as error:
            raise ToolchainError(f"cannot keep the measuring program in {folder}: {error}") from error

    def link(self, object_code: bytes, folder: Path) -> Blob:
        """A shared library whose undefined functions the harness has."""
        source, library = folder / "kernel.o", folder / "kernel.so"
        source.write_bytes(object_code)
        words = [str(source), "-o", str(library)]
        if COMPILER_FUNCTION.search(object_code):
            functions = "-lcompiler_rt" if self.compiler.is_zig else "-lgcc"
            _run((*self.compiler.command, "-shared", "-nostdlib", "-s", "-Wl,--gc-sections", *words, functions))
        else:
            _run((*self.linker, *words))
        return Blob.of(library.read_bytes())


def _run(words: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise ToolchainError(f"cannot start {words[0]}: {error}") from error
    if done.returncode != 0:
        message = " ".join((done.stderr or done.stdout).split())[:500]
        raise ToolchainError(f"{Path(words[0]).name} failed with exit code {done.returncode}: {message}")
