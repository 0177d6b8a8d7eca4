"""A compiled model as one self-contained shared library: kernels, entry, native runtime, weights and metadata.

In: `ModelCode` and `ModelInfo`. Out: a file. Next: `load_model.py`, or any C program through `native/tilewright_model.h`.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from compiler.errors import ToolchainError
from compiler.runtime.model_info import ModelInfo, NamedType
from compiler.runtime.native_runtime import NATIVE_FOLDER, RUNTIME_SOURCES
from compiler.runtime.toolchain import find_toolchain

MODEL_HEADER = NATIVE_FOLDER / "tilewright_model.h"
MODEL_SOURCES = (NATIVE_FOLDER / "model.c", NATIVE_FOLDER / "model_data.S")
RUN_SYMBOL = "tw_entry_run"
PROFILE_SYMBOL = "tw_entry_profile"
EXPORTS = """{
  global: tw_model_run; tw_model_set_threads; tw_model_release; tw_model_metadata; tw_model_get_table;
    tw_model_input; tw_model_input_count; tw_model_output; tw_model_output_count;
  local: *;
};
"""
MAX_WEIGHTS_BYTES = 3 << 29  # code reaches its data by 32-bit offsets


@dataclass(frozen=True, slots=True)
class ModelCode:
    """objects: relocatable object files; one of them defines RUN_SYMBOL and PROFILE_SYMBOL. weights: the bytes that they read.

    triple: what to compile the C parts for; empty for this machine.
    """

    objects: tuple[bytes, ...]
    weights: NDArray[Any]
    triple: str = ""


def link_model(code: ModelCode, info: ModelInfo, output: Path) -> None:
    """Writes the library; an existing file is replaced in one step, so that a process that has it loaded keeps the old one."""
    if code.weights.nbytes > MAX_WEIGHTS_BYTES:
        raise ToolchainError(f"{output.name}: weights of {code.weights.nbytes} bytes, a shared library holds at most {MAX_WEIGHTS_BYTES}")
    toolchain = find_toolchain(code.triple)
    try:
        with tempfile.TemporaryDirectory(prefix=".tilewright-", dir=output.absolute().parent) as name:
            folder = Path(name)
            objects = [folder / f"{position}.o" for position in range(len(code.objects))]
            for path, content in zip(objects, code.objects, strict=True):
                path.write_bytes(content)
            code.weights.tofile(folder / "weights.bin")
            (folder / "metadata.json").write_text(json.dumps(info.to_json()), encoding="utf-8")
            (folder / "table.c").write_text(_table_source(info), encoding="utf-8")
            (folder / "exports.map").write_text(EXPORTS, encoding="utf-8")
            options = (
                f"-I{NATIVE_FOLDER}",
                f'-DTW_WEIGHTS_FILE="{folder / "weights.bin"}"',
                f'-DTW_METADATA_FILE="{folder / "metadata.json"}"',
                f"-Wl,--version-script={folder / 'exports.map'}",
            )
            built = folder / "model.so"
            toolchain.link_shared((*MODEL_SOURCES, *RUNTIME_SOURCES, folder / "table.c", *objects), built, options)
            os.replace(built, output)
    except OSError as error:
        raise ToolchainError(f"cannot write {output}: {error.strerror or error}") from error


def _c_string(text: str) -> str:
    """A C string literal of the text's UTF-8 bytes, every byte spelled as an octal escape unless it is a plain character."""
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./: ")
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def _tensors_source(name: str, tensors: Sequence[NamedType]) -> str:
    """One shape array per tensor and the array of `tw_tensor`; C has no empty arrays, so both end with an unused entry."""
    lines: list[str] = []
    for position, item in enumerate(tensors):
        lines.append(f"static const int64_t {name}_shape_{position}[] = {{{', '.join(map(str, (*item.type.shape, 0)))}}};")
    lines.append(f"static const tw_tensor {name}[] = {{")
    for position, item in enumerate(tensors):
        fields = (_c_string(item.name), _c_string(item.type.dtype.name), str(len(item.type.shape)), f"{name}_shape_{position}")
        lines.append(f"    {{{', '.join(fields)}, {item.type.size_bytes}}},")
    return "\n".join([*lines, "    {0}};"]) + "\n"


def _table_source(info: ModelInfo) -> str:
    """The C source that defines `tw_this_model`."""
    return f"""#include "model_table.h"
extern int32_t {RUN_SYMBOL}(void **, void **, const uint8_t *, uint8_t *, tw_pool *);
extern int32_t {PROFILE_SYMBOL}(void **, void **, const uint8_t *, uint8_t *, tw_pool *, double *);
extern const uint8_t tw_model_weights_data[];
extern const char tw_model_metadata_data[];
{_tensors_source("inputs", info.inputs)}{_tensors_source("outputs", info.outputs)}const tw_model_table tw_this_model = {{
    .abi = TW_MODEL_ABI,
    .threads = {info.threads},
    .run = {RUN_SYMBOL},
    .profile = {PROFILE_SYMBOL},
    .weights = tw_model_weights_data,
    .arena_bytes = {info.arena_bytes},
    .metadata = tw_model_metadata_data,
    .pool_create = tw_pool_create,
    .pool_destroy = tw_pool_destroy,
    .time_calls = tw_time_calls,
    .input_count = {len(info.inputs)},
    .output_count = {len(info.outputs)},
    .inputs = inputs,
    .outputs = outputs,
}};
"""
