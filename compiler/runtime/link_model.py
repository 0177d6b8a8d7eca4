"""A compiled model as one self-contained shared library: kernels, entry, native runtime, weights and metadata.

In: `ModelCode` and `ModelInfo`. Out: a file. Next: `load_model.py`, or any C program through `native/tilewright_model.h`.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from compiler.errors import ToolchainError
from compiler.runtime.model_info import ModelInfo
from compiler.runtime.model_table import LIBRARY_FIELDS, table_source
from compiler.runtime.native_runtime import NATIVE_FOLDER, RUNTIME_SOURCES
from compiler.runtime.toolchain import find_toolchain

MODEL_HEADER = NATIVE_FOLDER / "tilewright_model.h"
MODEL_SOURCES = (NATIVE_FOLDER / "model.c", NATIVE_FOLDER / "model_data.S")
EXPORTS = """{
  global: tw_model_run; tw_model_set_weights; tw_model_set_threads; tw_model_release; tw_model_metadata; tw_model_get_table;
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
            (folder / "table.c").write_text(table_source(info, LIBRARY_FIELDS), encoding="utf-8")
            (folder / "exports.map").write_text(EXPORTS, encoding="utf-8")
            options = (
                f"-I{NATIVE_FOLDER}",
                f'-DTW_WEIGHTS_FILE="{folder / "weights.bin"}"',
                f'-DTW_METADATA_FILE="{folder / "metadata.json"}"',
                f"-Wl,--version-script={folder / 'exports.map'}",
                "-Wl,--gc-sections",  # packing has been done
            )
            built = folder / "model.so"
            toolchain.link_shared((*MODEL_SOURCES, *RUNTIME_SOURCES, folder / "table.c", *objects), built, options)
            os.replace(built, output)
    except OSError as error:
        raise ToolchainError(f"cannot write {output}: {error.strerror or error}") from error
