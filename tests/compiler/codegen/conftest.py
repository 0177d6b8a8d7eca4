"""Compile a lowered function for this machine and run it on arrays that end at an unreadable page."""

import ctypes
import itertools
import mmap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.codegen import Artifact
from compiler.codegen.llvm import LoadedObjects, generate_object, load_objects
from compiler.loop_ir import LoopFunc, interpret, verify
from compiler.lower import LoweredKernel, Param, ParamRole
from compiler.target import Target

Array = NDArray[Any]
BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
PARALLEL_FOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
PROT_NONE = 0


@PARALLEL_FOR
def parallel_for(_: int, body: int, params: int, count: int) -> None:
    """Uneven shares in reverse order, one of them empty."""
    cuts = [0, count // 3, count // 3, count]
    for low, high in reversed(list(itertools.pairwise(cuts))):
        BODY(body)(params, low, high)


SYMBOLS = {"tw_parallel_for": ctypes.cast(parallel_for, ctypes.c_void_p).value or 0}


class GuardedMemory:
    """Copies of arrays, 64-byte aligned, each between pages that must not be touched; at most 63 bytes lie between its end and the page."""

    def __init__(self) -> None:
        self._regions: list[tuple[mmap.mmap, int, int]] = []
        self._protect = ctypes.CDLL(None, use_errno=True).mprotect

    def copy(self, array: Array) -> Array:
        page = mmap.PAGESIZE
        body = -(-max(array.nbytes, 1) // page) * page
        region = mmap.mmap(-1, body + 2 * page)
        base = ctypes.addressof(ctypes.c_char.from_buffer(region))
        for fence in (base, base + page + body):
            assert self._protect(ctypes.c_void_p(fence), ctypes.c_size_t(page), PROT_NONE) == 0
        self._regions.append((region, base, body))
        start = page + (body - array.nbytes) // 64 * 64
        result = np.frombuffer(region, dtype=array.dtype, count=array.size, offset=start).reshape(array.shape)
        result[...] = array
        return result


def kernel_of(func: LoopFunc) -> LoweredKernel:
    """`func` with its params as arguments."""
    return LoweredKernel(func, tuple(Param(buffer, ParamRole.ARGUMENT, index) for index, buffer in enumerate(func.params)))


def call(loaded: LoadedObjects, symbol: str, arrays: Sequence[Array]) -> None:
    pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
    KERNEL(loaded.address(symbol))(ctypes.addressof(pointers), None)


Run = Callable[..., Artifact]


@pytest.fixture
def run_in_place() -> Run:
    """`run_in_place(func, arrays)` executes `func` on these very arrays, which must be aligned."""

    def execute(func: LoopFunc, arrays: Sequence[Array], target: str = "host") -> Artifact:
        verify(func, lowered=True)
        artifact = generate_object(kernel_of(func), Target.parse(target), "kernel")
        call(load_objects([artifact.object_code], SYMBOLS), "kernel", arrays)
        return artifact

    return execute


@pytest.fixture
def run(run_in_place: Run) -> Run:
    """`run(func, arrays)` executes `func` on copies between unreadable pages, copies the results back and returns the artifact."""
    memory = GuardedMemory()

    def execute(func: LoopFunc, arrays: Sequence[Array], target: str = "host") -> Artifact:
        guarded = [memory.copy(array) for array in arrays]
        artifact = run_in_place(func, guarded, target)
        for array, result in zip(arrays, guarded, strict=True):
            array[...] = result
        return artifact

    return execute


Check = Callable[..., Artifact]


@pytest.fixture
def check(run: Run) -> Check:
    """`check(func, arrays)` runs `func` natively and by the interpreter and compares every array."""

    def compare(func: LoopFunc, arrays: Sequence[Array], tolerance: float = 1e-6, target: str = "host") -> Artifact:
        native, expected = [array.copy() for array in arrays], [array.copy() for array in arrays]
        artifact = run(func, native, target)
        interpret(func, expected)
        for buffer, got, want in zip(func.params, native, expected, strict=True):
            if got.dtype.kind == "f":
                scale = float(np.nanmax(np.abs(want), initial=1.0))
                np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale, err_msg=buffer.name)
            else:
                np.testing.assert_array_equal(got, want, err_msg=buffer.name)
        return artifact

    return compare
