"""Opens an exported model: needs no code generator, no model frontend and no C compiler.

In: a shared library made by `link_model.py`. Out: `NativeModel` and `ModelInfo`. Next: `executable.py`.
"""

import ctypes
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from compiler.errors import ModelError
from compiler.runtime.model_info import ModelInfo
from compiler.runtime.native_runtime import NativeRuntime, PoolCreate, PoolDestroy, TimeCalls

MODEL_ABI = 1
CPU_INFO = Path("/proc/cpuinfo")
RunFunction = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 5)
ProfileFunction = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 6)


@dataclass(frozen=True, slots=True)
class NativeModel:
    """The native functions of a compiled model.

    run(inputs, outputs, weights, arena, pool) -> 0; profile has one more parameter, a double per kernel for its seconds.
    owner: what must stay alive as long as the functions are called (loaded code, weights).
    """

    run: Callable[..., int]
    profile: Callable[..., int]
    weights: int
    runtime: NativeRuntime
    owner: object


class _ModelTable(ctypes.Structure):
    """The first fields of `tw_model_table` in native/model_table.h."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("abi", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("run", ctypes.c_void_p),
        ("profile", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("arena_bytes", ctypes.c_int64),
        ("metadata", ctypes.c_char_p),
        ("pool_create", ctypes.c_void_p),
        ("pool_destroy", ctypes.c_void_p),
        ("time_calls", ctypes.c_void_p),
    ]


def load_model(path: Path) -> tuple[NativeModel, ModelInfo]:
    """Raises `ModelError` where the file is no model of this version."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        library = _open_library(path.absolute())
        get_table = library.tw_model_get_table
    except (OSError, AttributeError) as error:
        raise ModelError(f"{path}: not a compiled model for this machine ({error}); make one with `tilewright compile`") from error
    get_table.restype = ctypes.POINTER(_ModelTable)
    table = get_table().contents
    if table.abi != MODEL_ABI:
        raise ModelError(f"{path}: compiled by another version (interface {table.abi}, this one has {MODEL_ABI}); compile it again")
    try:
        info = ModelInfo.from_json(json.loads(table.metadata))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: metadata cannot be read: {error}") from error
    missing = _missing_features(info.cpu_features)
    if missing:
        raise ModelError(f"{path}: needs a cpu with {', '.join(missing)}, which this one lacks; compile it with `--target host` here")
    runtime = NativeRuntime(PoolCreate(table.pool_create), PoolDestroy(table.pool_destroy), TimeCalls(table.time_calls), {})
    return NativeModel(RunFunction(table.run), ProfileFunction(table.profile), table.weights or 0, runtime, library), info


def _open_library(path: Path) -> ctypes.CDLL:
    """By a name that was never used before: the dynamic loader would answer a known name with the file that had it earlier."""
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        link = Path(folder) / path.name
        link.symlink_to(path)
        return ctypes.CDLL(str(link))


def _missing_features(wanted: Sequence[str]) -> list[str]:
    """Those that the cpu does not name; none where the system does not tell."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set(wanted))
    return [feature for feature in wanted if feature not in found]
