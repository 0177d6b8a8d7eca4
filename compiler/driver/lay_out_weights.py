"""The constants of a compiled model as one block of bytes, in the form in which its kernels read them.

In: kernel calls with their artifacts, the graph's constants. Out: `WeightsLayout`, offsets per call and parameter; then the bytes, once the
pack functions can run. Next: `compile_model.py`.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.codegen.llvm import LoadedObjects
from compiler.driver.choose_kernels import CompiledKernel, KernelUse
from compiler.driver.loaded_kernel import call_kernel, param_bytes
from compiler.graph import Location, Storage
from compiler.lower import Param, ParamRole
from compiler.runtime import ThreadPool, align_up, aligned_copy, allocate_bytes

Array = NDArray[Any]

MOST_AT_ONCE = 8  # packings: each may hold a copy of what it packs


@dataclass(frozen=True, slots=True)
class Packing:
    """One run of a pack function. sources: names of values, by argument. offsets: of its results, by their index."""

    kernel: CompiledKernel
    sources: tuple[str, ...]
    offsets: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class WeightsLayout:
    """constant_offsets: of the constants that kernels read as they are, by position among the graph's.

    packed_offsets: per kernel call, by the index of the packed parameter; equal kernels on the same constants share them.
    """

    size_bytes: int
    constant_offsets: Mapping[int, int]
    packed_offsets: tuple[Mapping[int, int], ...]
    packings: tuple[Packing, ...]


def lay_out_weights(uses: Sequence[KernelUse], locations: Mapping[str, Location], constants: Mapping[str, Array]) -> WeightsLayout:
    names = tuple(constants)
    size = 0
    constant_offsets: dict[int, int] = {}
    packings: dict[tuple[str, tuple[str, ...]], Packing] = {}
    packed_offsets: list[Mapping[int, int]] = []
    for use in uses:
        for param in use.artifact.params:
            location = locations[use.group.arguments[param.index]] if param.role is ParamRole.ARGUMENT else None
            if location and location.storage is Storage.CONSTANT and location.index not in constant_offsets:
                constant_offsets[location.index] = size
                size += align_up(constants[names[location.index]].nbytes)
        key = (use.artifact.symbol, _packed_sources(use))
        if key not in packings:
            offsets: dict[int, int] = {}
            for param in use.artifact.params:
                if param.role is ParamRole.PACKED:
                    offsets[param.index] = size
                    size += align_up(param_bytes(param))
            packings[key] = Packing(use.kernel, use.group.arguments, offsets)
        packed_offsets.append(packings[key].offsets)
    needed = tuple(packing for packing in packings.values() if packing.offsets)
    return WeightsLayout(size, constant_offsets, tuple(packed_offsets), needed)


def _packed_sources(use: KernelUse) -> tuple[str, ...]:
    """The constants that the packed parameters are made from."""
    arguments = (param for param in use.artifact.pack_params if param.role is ParamRole.ARGUMENT)
    return tuple(use.group.arguments[param.index] for param in arguments)


def fill_weights(
    layout: WeightsLayout, locations: Mapping[str, Location], constants: Mapping[str, Array], code: LoadedObjects, pool: ThreadPool
) -> NDArray[np.uint8]:
    """Copies and packs the constants, as many at a time as the pool has threads, the largest first; `code` holds the pack functions."""
    names = tuple(constants)
    values = [constants[name] for name in names]
    weights = allocate_bytes(layout.size_bytes)
    jobs: list[tuple[int, Callable[[], None]]] = []
    for position, offset in layout.constant_offsets.items():
        size = values[position].nbytes
        jobs.append((size, partial(_copy, values[position], weights[offset : offset + size])))
    for packing in layout.packings:
        function = code.address(packing.kernel.artifact.pack_symbol)
        size = sum(param_bytes(param) for param in packing.kernel.artifact.pack_params)
        jobs.append((size, partial(_pack, packing, weights, locations, values, function, pool)))
    jobs.sort(key=itemgetter(0), reverse=True)
    with ThreadPoolExecutor(min(pool.threads, MOST_AT_ONCE)) as threads:
        for done in [threads.submit(job) for _, job in jobs]:
            done.result()
    return weights


def _copy(source: Array, place: NDArray[np.uint8]) -> None:
    place.view(source.dtype.newbyteorder("=")).reshape(source.shape)[...] = source


def _pack(
    packing: Packing,
    weights: NDArray[np.uint8],
    locations: Mapping[str, Location],
    values: Sequence[Array],
    function: int,
    pool: ThreadPool,
) -> None:
    held: list[Array] = []  # copies and scratch that the pack function uses, freed with this call

    def address(param: Param) -> int:
        if param.role is ParamRole.PACKED:
            return weights.ctypes.data + packing.offsets[param.index]
        if param.role is ParamRole.WORKSPACE:
            held.append(allocate_bytes(param_bytes(param)))
            return held[-1].ctypes.data
        location = locations[packing.sources[param.index]]
        held.append(aligned_copy(values[location.index]))
        return held[-1].ctypes.data + location.offset_bytes

    params = packing.kernel.artifact.pack_params
    addresses = (ctypes.c_void_p * len(params))(*(address(param) for param in params))
    call_kernel(function, addresses, pool)
