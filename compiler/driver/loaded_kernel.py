"""One kernel, loaded into this process and run on arrays: what measuring and tests use.

In: an `Artifact`. Out: its outputs, or how long a call takes. The way through a whole model is `compile_model.py`.
"""

import ctypes
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.codegen import Artifact
from compiler.codegen.llvm import LoadedObjects, load_objects
from compiler.driver.cold_memory import ColdMemory, ColdWeights
from compiler.lower import Param, ParamRole
from compiler.runtime import ThreadPool, align_up, allocate_bytes, native_runtime
from compiler.tensor_type import INT32, INT64, TensorType

Array = NDArray[Any]
INDEX_TYPES = (INT32, INT64)  # what may be indices; weights are floats, the parts of narrow ones, and numbers of fixed point
KernelFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


class LoadedKernel:
    """The pool is the caller's, and may serve other kernels."""

    def __init__(self, artifact: Artifact, pool: ThreadPool) -> None:
        self.artifact = artifact
        self.pool = pool
        self._code = load_objects((artifact.object_code,), native_runtime().symbols)
        self._pack = self._code.address(artifact.pack_symbol) if artifact.pack_symbol else 0

    def prepare(
        self,
        arguments: Sequence[Array],
        output_types: Sequence[TensorType] = (),
        *,
        constants: Collection[int] = (),
        cold: ColdMemory | None = None,
    ) -> "BoundKernel":
        """Copies the workload's arguments into aligned buffers and packs the constant ones; `ValueError` where one has the wrong size.

        output_types: the workload's, for the shapes of `BoundKernel.outputs`; without them every output has one axis.
        cold: timed calls take from here what stands for the packed constants and for the arguments `constants`, if none of them may be
        an index, and if it is large enough.
        """
        buffers = _Buffers((*self.artifact.params, *self.artifact.pack_params), arguments)
        if self._pack:
            call_kernel(self._pack, buffers.addresses(self.artifact.pack_params), self.pool)
        params = buffers.addresses(self.artifact.params)
        sizes = self._weight_sizes(constants)
        fits = cold is not None and 0 < sum(map(align_up, sizes.values())) <= cold.size_bytes
        weights = ColdWeights(cold, params, sizes) if cold is not None and fits else None
        return BoundKernel(self.artifact, self.pool, self._code, buffers, params, output_types, weights)

    def _weight_sizes(self, constants: Collection[int]) -> dict[int, int]:
        """Bytes of the parameters that hold weights, by their positions; none where one, or what it is packed from, may be an index."""
        every = (*self.artifact.params, *self.artifact.pack_params)
        weights = [param for param in every if param.role is ParamRole.PACKED or _is_constant(param, constants)]
        if any(param.buffer.dtype in INDEX_TYPES for param in weights):
            return {}
        return {position: param_bytes(param) for position, param in enumerate(self.artifact.params) if param in weights}


def _is_constant(param: Param, constants: Collection[int]) -> bool:
    return param.role is ParamRole.ARGUMENT and param.index in constants


class BoundKernel:
    """A kernel and its buffers; calls overwrite the outputs."""

    def __init__(
        self,
        artifact: Artifact,
        pool: ThreadPool,
        code: LoadedObjects,
        buffers: "_Buffers",
        params: "ctypes.Array[Any]",
        output_types: Sequence[TensorType],
        weights: ColdWeights | None,
    ) -> None:
        self._artifact = artifact
        self._pool = pool
        self._code = code
        self._buffers = buffers
        self._output_types = tuple(output_types)
        self._main = code.address(artifact.symbol)
        self._params = params
        self._weights = weights

    def run(self) -> None:
        call_kernel(self._main, self._params, self._pool)

    def time(self, number: int) -> float:
        """Mean seconds per call over `number` calls, in a native loop; with cold weights one by one, and with outputs of no use."""
        if self._weights is None:
            return self._time(ctypes.addressof(self._params), number)
        return sum(self._time(self._weights.next_params(), 1) for _ in range(number)) / number

    def _time(self, params: int, number: int) -> float:
        return self._pool.runtime.time_calls(self._main, params, self._pool.address, number)

    def outputs(self) -> list[Array]:
        """The output buffers themselves, in order: views that the next call overwrites."""
        outputs = sorted((param for param in self._artifact.params if param.role is ParamRole.OUTPUT), key=lambda param: param.index)
        arrays = [self._buffers.array(param) for param in outputs]
        if not self._output_types:
            return arrays
        return [array.reshape(kind.shape) for array, kind in zip(arrays, self._output_types, strict=True)]


class _Buffers:
    """One block of memory with a place for each parameter; the same (role, index) is the same place, except for workspaces."""

    def __init__(self, params: Sequence[Param], arguments: Sequence[Array]) -> None:
        offsets: dict[tuple[ParamRole, int], int] = {}
        sizes: dict[tuple[ParamRole, int], int] = {}
        for param in params:
            key = (param.role, param.index)
            sizes[key] = max(sizes.get(key, 0), param_bytes(param))
        total = 0
        for key, size in sizes.items():
            offsets[key] = total
            total += align_up(size)
        self._offsets = offsets
        self._memory = allocate_bytes(total)
        for param in params:
            if param.role is ParamRole.ARGUMENT:
                self._fill(param, arguments)

    def _fill(self, param: Param, arguments: Sequence[Array]) -> None:
        if param.index >= len(arguments):
            raise ValueError(f"argument {param.index} is missing: {len(arguments)} were given")
        place, value = self.array(param), arguments[param.index]
        if value.size != place.size or value.dtype != place.dtype:
            raise ValueError(
                f"argument {param.index} is {value.dtype.name}{list(value.shape)}, not {place.dtype.name} with {place.size} elements"
            )
        place.reshape(-1)[...] = value.reshape(-1)

    def array(self, param: Param) -> Array:
        start = self._offsets[(param.role, param.index)]
        return self._memory[start : start + param_bytes(param)].view(param.buffer.dtype).reshape(param.buffer.shape)

    def addresses(self, params: Sequence[Param]) -> "ctypes.Array[Any]":
        base = self._memory.ctypes.data
        return (ctypes.c_void_p * max(len(params), 1))(*(base + self._offsets[(param.role, param.index)] for param in params))


def param_bytes(param: Param) -> int:
    return TensorType(param.buffer.shape, np.dtype(param.buffer.dtype)).size_bytes


def call_kernel(address: int, params: "ctypes.Array[Any]", pool: ThreadPool) -> None:
    """Calls a native `void f(void **params, tw_pool *pool)`."""
    KernelFunction(address)(ctypes.addressof(params), pool.address)
