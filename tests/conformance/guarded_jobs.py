"""What a child does: compile schedules of one workload and run each between guard pages, twice, with other garbage around the data.

Run by `measure/child_server.py` and asked by `native_check.py`: an access outside of a buffer, or a write to an argument, kills the child
and not the tests.
"""

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.codegen import Artifact
from compiler.codegen.llvm import LoadedObjects, generate_object, load_objects
from compiler.driver.loaded_kernel import call_kernel
from compiler.errors import TilewrightError
from compiler.lower import Param, ParamRole, lower
from compiler.runtime import ThreadPool, native_runtime
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from measure.frames import Frame
from tests.conformance.guarded_memory import GuardedBuffer, Placement
from tests.conformance.race_check import find_races

Array = NDArray[Any]


class GuardedJobs:
    """In: `{"workload", "variants": [{"target", "threads", "schedule", "label"}], "missing"}` and the arguments' bytes. Out: `{"errors"}`,
    one text per variant, empty where it ran, and the outputs' bytes of those that did.

    missing: by role, how many elements the buffers are too short, to see the guards work.
    """

    def warm_up(self) -> None:
        load_objects((), native_runtime().symbols)
        Target.parse("host")

    def prepare(self, job: Frame) -> None:
        """Nothing: a job is self-contained."""

    def handle(self, job: Frame) -> Frame:
        workload = Workload.from_json(job.header["workload"])
        arguments = list(_arrays([argument.type for argument in workload.arguments], job.blob))
        errors: list[str] = []
        results: list[bytes] = []
        for variant in job.header["variants"]:
            _say(f"while running {variant['label']}")
            try:
                results.append(_run_twice(workload, variant, arguments, job.header["missing"]))
                errors.append("")
            except (TilewrightError, AssertionError) as error:
                errors.append(f"{type(error).__name__}: {error}")
        return Frame({"errors": errors}, b"".join(results))


def _say(text: str) -> None:
    """The only words in the child's log, which is quoted if it dies."""
    descriptor = sys.stderr.fileno()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _arrays(types: Sequence[Any], data: bytes) -> Iterator[Array]:
    start = 0
    for kind in types:
        yield np.frombuffer(data, kind.dtype, kind.element_count, start)
        start += kind.size_bytes


def _run_twice(workload: Workload, variant: dict[str, Any], arguments: Sequence[Array], missing: Mapping[str, int]) -> bytes:
    target = Target.parse(variant["target"])
    lowered = lower(workload, Schedule.from_json(variant["schedule"]), target)
    races = [race for func in (lowered.main, lowered.pack) if func is not None for race in find_races(func)]
    assert not races, "; ".join(races)
    artifact = generate_object(lowered, target, "kernel")
    code = load_objects((artifact.object_code,), native_runtime().symbols)
    with ThreadPool(variant["threads"], native_runtime()) as pool:
        first, second = (_run(artifact, code, arguments, pool, placement, missing) for placement in Placement)
    assert first == second, "the outputs depend on what memory held before"
    return first


def _run(
    artifact: Artifact,
    code: LoadedObjects,
    arguments: Sequence[Array],
    pool: ThreadPool,
    placement: Placement,
    missing: Mapping[str, int],
) -> bytes:
    buffers: dict[tuple[ParamRole, int], GuardedBuffer] = {}

    def address(param: Param) -> int:
        key = (param.role, param.index)
        if key not in buffers:
            count = int(np.prod(param.buffer.shape)) - missing.get(param.role, 0)
            buffers[key] = GuardedBuffer(np.dtype(param.buffer.dtype), count, placement)
            if param.role is ParamRole.ARGUMENT:
                buffers[key].array[:] = arguments[param.index][:count]
                buffers[key].forbid_writes()
        return buffers[key].address

    if artifact.pack_symbol:
        _call(code.address(artifact.pack_symbol), [address(param) for param in artifact.pack_params], pool)
        for (role, _), buffer in buffers.items():
            if role is ParamRole.PACKED:
                buffer.forbid_writes()
        buffers = {key: buffer for key, buffer in buffers.items() if key[0] is not ParamRole.WORKSPACE}
    _call(code.address(artifact.symbol), [address(param) for param in artifact.params], pool)
    for (role, index), buffer in buffers.items():
        assert buffer.is_intact(), f"wrote around {role} {index}"
    outputs = sorted(index for role, index in buffers if role is ParamRole.OUTPUT)
    return b"".join(buffers[(ParamRole.OUTPUT, index)].array.tobytes() for index in outputs)


def _call(symbol: int, addresses: Sequence[int], pool: ThreadPool) -> None:
    call_kernel(symbol, (ctypes.c_void_p * max(len(addresses), 1))(*addresses), pool)


def make_jobs() -> GuardedJobs:
    return GuardedJobs()
