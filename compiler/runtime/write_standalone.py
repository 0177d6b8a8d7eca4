"""A compiled model as a folder that any C program can be built with: no shared library, no Python, weights in a file of their own.

    DIR/libmodel.a            kernels, entry, runtime
    DIR/tilewright_model.h    the C interface
    DIR/weights.bin           the packed weights, with the model's mark behind them
    DIR/main.c, Makefile      a program that runs the model, and how it is built
    DIR/model.json, README.md what the model is; what the files are

In: `ModelCode` and `ModelInfo`, from `compiler/driver`. Out: the folder, and what its parts take without weights.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler.errors import ToolchainError
from compiler.runtime.elf_sections import loaded_sections
from compiler.runtime.link_model import MODEL_HEADER, ModelCode
from compiler.runtime.memory import align_up
from compiler.runtime.model_info import ModelInfo
from compiler.runtime.model_table import PROFILE_SYMBOL, c_string, table_source
from compiler.runtime.native_runtime import NATIVE_FOLDER, RUNTIME_SOURCES
from compiler.runtime.standalone_texts import GNU_OPTIONS, MAKEFILE, PROGRAM_OPTIONS, README
from compiler.runtime.toolchain import find_toolchain

C_OPTIONS = (f"-I{NATIVE_FOLDER}", "-Os", "-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables")
MARK_BYTES = 64
MARK_MAGIC = b"TILEWRIGHTWEIGHT"
_UNUSED_SECTION = re.compile(rf"\.text\.(?:.*_pack(?:\..*)?|{PROFILE_SYMBOL})$")


@dataclass(frozen=True, slots=True)
class StandaloneSizes:
    """Bytes of code and constants in the linked program, by part, and of two files: the stripped program and the weights."""

    kernels: int
    entry: int
    runtime: int
    program: int
    stripped_file: int
    weights_file: int

    @property
    def total(self) -> int:
        return self.kernels + self.entry + self.runtime + self.program


def write_standalone(code: ModelCode, info: ModelInfo, folder: Path) -> StandaloneSizes:
    """Makes the folder, or fills one that is there, replacing files of the same names. Builds the program once, to see that it can be."""
    if "linux" not in (code.triple or "linux"):
        raise ToolchainError(f"standalone models are made for Linux, not for {code.triple}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tilewright-", dir=folder) as name:
            return _write(code, info, folder, Path(name))
    except OSError as error:
        raise ToolchainError(f"cannot write {folder}: {error.strerror or error}") from error


def _write(code: ModelCode, info: ModelInfo, folder: Path, work: Path) -> StandaloneSizes:
    toolchain = find_toolchain(code.triple)
    mark = _mark(code)
    size = align_up(code.weights.nbytes) + MARK_BYTES if code.weights.nbytes else 0
    (work / "table.c").write_text(_table(info, mark, size), encoding="utf-8")
    runtime = [work / f"{source.stem}.o" for source in (*RUNTIME_SOURCES, NATIVE_FOLDER / "model.c", work / "table.c")]
    for source, output in zip((*RUNTIME_SOURCES, NATIVE_FOLDER / "model.c", work / "table.c"), runtime, strict=True):
        toolchain.compile_object(source, output, C_OPTIONS)
    objects = [work / f"kernel{position}.o" for position in range(len(code.objects) - 1)] + [work / "entry.o"]
    for path, content in zip(objects, code.objects, strict=True):
        path.write_bytes(content)
    toolchain.archive([*objects, *runtime], work / "libmodel.a")
    shutil.copyfile(MODEL_HEADER, work / MODEL_HEADER.name)
    shutil.copyfile(NATIVE_FOLDER / "standalone_main.c", work / "main.c")
    options = PROGRAM_OPTIONS if toolchain.is_zig else (*GNU_OPTIONS, *PROGRAM_OPTIONS)
    toolchain.link_program(["-Os", str(work / "main.c"), str(work / "libmodel.a"), *options], work / "model")
    with (work / "weights.bin").open("wb") as file:
        if size:
            code.weights.tofile(file)
            file.write(bytes(size - MARK_BYTES - code.weights.nbytes) + mark)
    (work / "model.json").write_text(json.dumps(info.to_json(), indent=1), encoding="utf-8")
    compiler = toolchain.command if not toolchain.is_zig else ("python3 -m ziglang", *toolchain.command[1:])
    (work / "Makefile").write_text(MAKEFILE.format(compiler=" ".join(compiler), options=" ".join(options)), encoding="utf-8")
    (work / "README.md").write_text(README.format(name=info.name, target=info.target, inputs=_listing(info)), encoding="utf-8")
    sizes = _sizes(objects, runtime, work / "model", size)
    for name in ("libmodel.a", MODEL_HEADER.name, "weights.bin", "main.c", "Makefile", "model.json", "README.md"):
        (work / name).replace(folder / name)
    return sizes


def _mark(code: ModelCode) -> bytes:
    """What the weights end with, and the code expects: they belong together byte for byte."""
    digest = hashlib.sha256(b"".join(code.objects))
    digest.update(np.ascontiguousarray(code.weights).view(np.uint8).reshape(-1).data)
    return (MARK_MAGIC + digest.digest()).ljust(MARK_BYTES, b"\0")


def _table(info: ModelInfo, mark: bytes, size: int) -> str:
    metadata = c_string(json.dumps({"name": info.name, "target": info.target}))
    fields = {"metadata": metadata, "weights_bytes": str(size), "weights_mark": "weights_mark"}
    return table_source(info, fields, f"static const uint8_t weights_mark[] = {{{', '.join(map(str, mark))}}};\n")


def _listing(info: ModelInfo) -> str:
    return "\n".join(f"- `{item.name}`: {item.type}, {item.type.size_bytes} bytes" for item in (*info.inputs, *info.outputs))


def _sizes(objects: Sequence[Path], runtime: Sequence[Path], program: Path, weights_file: int) -> StandaloneSizes:
    """Objects without what the linker leaves out; the program's own code and the start-up are what the others leave of the whole."""
    kernels, entry, parts = (_kept_bytes(paths) for paths in (objects[:-1], objects[-1:], runtime))
    data = program.read_bytes()
    whole = sum(size for _, size in loaded_sections(data))
    return StandaloneSizes(kernels, entry, parts, whole - kernels - entry - parts, len(data), weights_file)


def _kept_bytes(objects: Iterable[Path]) -> int:
    sections = (section for path in objects for section in loaded_sections(path.read_bytes()))
    return sum(size for name, size in sections if not _UNUSED_SECTION.match(name))
