"""A compiled model that runs in this process.

In: `NativeModel` and `ModelInfo`, from `compiler/driver/compile_model.py` or, for an exported library, from `load_model.py`.
"""

import ctypes
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import InputError, ModelError, ToolchainError
from compiler.runtime.load_model import NativeModel, load_model
from compiler.runtime.memory import aligned_copy, allocate_bytes, empty_array
from compiler.runtime.model_info import KernelInfo, ModelInfo, NamedType
from compiler.runtime.profiled_runs import KernelTime, ProfiledRuns
from compiler.runtime.thread_pool import ThreadPool
from compiler.runtime.write_standalone import StandaloneSizes

Array = NDArray[Any]


class Executable:
    """`run` may be called from several threads; each call in flight has working memory of its own, kernels share one thread pool."""

    def __init__(
        self,
        native: NativeModel,
        info: ModelInfo,
        save: Callable[[Path], None],
        threads: int | None = None,
        save_standalone: Callable[[Path], StandaloneSizes] | None = None,
    ) -> None:
        self.info = info
        self._native = native
        self._save = save
        self._save_standalone = save_standalone
        self._pool = ThreadPool(threads or info.threads, native.runtime)
        self._arenas: list[NDArray[np.uint8]] = []
        self._arenas_lock = threading.Lock()

    def __repr__(self) -> str:
        inputs, outputs = _listing(self.inputs), _listing(self.outputs)
        return f"<Executable {self.info.name!r}: {inputs} -> {outputs}; {len(self.kernels)} kernels, {self.threads} threads>"

    @staticmethod
    def load(path: str | Path, threads: int | None = None) -> "Executable":
        """Opens a library that `save` wrote; threads: other than it was compiled for."""
        source = Path(path)
        native, info = load_model(source)
        return Executable(native, info, partial(_copy_library, source.absolute()), threads)

    def save(self, path: str | Path) -> None:
        """Writes a self-contained shared library, weights inside; its C interface is `tilewright_model.h`."""
        self._save(Path(path))

    def save_standalone(self, folder: str | Path) -> StandaloneSizes:
        """Writes a static library, the weights, a C header and a program with its Makefile into `folder`; see `write_standalone.py`."""
        if self._save_standalone is None:
            raise ModelError(f"{self.info.name!r} was loaded from a library, which has no parts any more: compile the model to write them")
        return self._save_standalone(Path(folder))

    @property
    def inputs(self) -> tuple[NamedType, ...]:
        return self.info.inputs

    @property
    def outputs(self) -> tuple[NamedType, ...]:
        return self.info.outputs

    @property
    def kernels(self) -> tuple[KernelInfo, ...]:
        return self.info.kernels

    @property
    def threads(self) -> int:
        return self._pool.threads

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """The outputs in the model's order, as new arrays; `InputError` where an input is missing, unknown or of another type."""
        arrays = self._checked(inputs)
        outputs = [empty_array(item.type) for item in self.info.outputs]
        self._call(_addresses(arrays), _addresses(outputs))
        return outputs

    def time(self, inputs: Mapping[str, Array], *, repeat: int = 10, number: int = 1, warmup: int = 1) -> list[float]:
        """Seconds per run: `repeat` samples, each the mean of `number` runs, after `warmup` runs that do not count."""
        arrays = self._checked(inputs)
        outputs = [empty_array(item.type) for item in self.info.outputs]
        input_addresses, output_addresses = _addresses(arrays), _addresses(outputs)
        samples: list[float] = []
        for _ in range(warmup):
            self._call(input_addresses, output_addresses)
        for _ in range(repeat):
            begin = time.perf_counter()
            for _ in range(number):
                self._call(input_addresses, output_addresses)
            samples.append((time.perf_counter() - begin) / number)
        return samples

    def profile(self, inputs: Mapping[str, Array], *, repeat: int = 10) -> list[KernelTime]:
        """How long each kernel takes within the model, in order of execution: the mean over the fastest quarter of `repeat` runs."""
        secs = self.profile_runs(inputs, repeat=repeat).quiet_kernel_secs()
        return [KernelTime(kernel, float(own)) for kernel, own in zip(self.kernels, secs, strict=True)]

    def profile_runs(self, inputs: Mapping[str, Array], *, repeat: int = 10, warmup: int = 1) -> ProfiledRuns:
        """`repeat` runs in which the clock is read between kernels, once, after `warmup` runs that do not count."""
        arrays = self._checked(inputs)
        outputs = [empty_array(item.type) for item in self.info.outputs]
        input_addresses, output_addresses = _addresses(arrays), _addresses(outputs)
        kernel_secs, run_secs = np.zeros((repeat, len(self.kernels))), np.zeros(repeat)
        for _ in range(warmup):
            self._call(input_addresses, output_addresses, kernel_secs.ctypes.data)
        for run, row_address in enumerate([row.ctypes.data for row in kernel_secs]):
            begin = time.perf_counter()
            self._call(input_addresses, output_addresses, row_address)
            run_secs[run] = time.perf_counter() - begin
        return ProfiledRuns(kernel_secs, run_secs)

    def _call(self, inputs: "ctypes.Array[Any]", outputs: "ctypes.Array[Any]", kernel_secs: int | None = None) -> None:
        """kernel_secs: the address of a double per kernel, for a run in which they are timed."""
        with self._arenas_lock:
            arena = self._arenas.pop() if self._arenas else None
        if arena is None:
            arena = allocate_bytes(self.info.arena_bytes)
        try:
            arguments = (inputs, outputs, self._native.weights, arena.ctypes.data, self._pool.address)
            status = self._native.run(*arguments) if kernel_secs is None else self._native.profile(*arguments, kernel_secs)
        finally:
            with self._arenas_lock:
                self._arenas.append(arena)
        if status != 0:
            raise RuntimeError(f"{self.info.name!r}: the native entry returned {status}")

    def _checked(self, inputs: Mapping[str, Array]) -> list[Array]:
        """One aligned array per input, in order."""
        known = {item.name: item for item in self.info.inputs}
        unknown = [name for name in inputs if name not in known]
        if unknown:
            raise InputError(f"unknown input {unknown[0]!r}; {self.info.name!r} has {_listing(self.info.inputs)}")
        arrays: list[Array] = []
        for item in self.info.inputs:
            if item.name not in inputs:
                given = ", ".join(map(repr, inputs)) or "nothing"
                raise InputError(f"input {item.name!r} is missing: {item.type} is expected, {given} was given")
            array = np.asarray(inputs[item.name])
            if array.shape != item.type.shape or array.dtype.newbyteorder("=") != item.type.dtype:
                found = f"{array.dtype.name}[{', '.join(map(str, array.shape))}]"
                raise InputError(f"input {item.name!r} is {found}: {item.type} is expected")
            arrays.append(aligned_copy(array))
        return arrays


def _addresses(arrays: Sequence[Array]) -> "ctypes.Array[Any]":
    return (ctypes.c_void_p * max(len(arrays), 1))(*(array.ctypes.data for array in arrays))


def _listing(items: Sequence[NamedType]) -> str:
    return ", ".join(f"{item.name!r} {item.type}" for item in items) or "nothing"


def _copy_library(source: Path, output: Path) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix=".tilewright-", dir=output.absolute().parent) as folder:
            os.replace(shutil.copyfile(source, Path(folder) / "model.so"), output)
    except OSError as error:
        raise ToolchainError(f"cannot write {output}: {error.strerror or error}") from error
