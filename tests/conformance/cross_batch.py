"""Many kernels for one foreign target, compiled here and run by one program on that machine (under qemu), since qemu takes long to start.

In: cases, each a workload, a schedule and arguments. Out: per case its outputs, or why there are none. The program is `cross_driver.c`.
"""

import math
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.codegen import Artifact
from compiler.driver import KernelRequest, compile_kernels
from compiler.lower import Param, ParamRole
from compiler.runtime import align_up, find_toolchain
from compiler.runtime.native_runtime import NATIVE_FOLDER, RUNTIME_SOURCES
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from tests.conformance.emulator import Emulator
from tests.conformance.native_check import TOO_LONG, assert_close, reference
from tests.schedule_space.workloads import rounding

Array = NDArray[Any]
DRIVER = Path(__file__).with_name("cross_driver.c")
WORKERS = 2
BATCH_SECS = 3600.0  # the driver limits the time of each case


@dataclass(frozen=True, slots=True)
class CrossCase:
    """drawn: code generation may refuse the schedule for its length."""

    label: str
    workload: Workload
    schedule: Schedule
    threads: int
    arguments: tuple[Array, ...]
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class CrossResult:
    """error: empty where the kernel ran."""

    error: str
    outputs: tuple[Array, ...] = ()


def run_batch(cases: Sequence[CrossCase], target: Target, machine: Emulator, folder: Path) -> list[CrossResult]:
    requests = [KernelRequest(case.workload, case.schedule) for case in cases]
    compiled = compile_kernels(requests, target, None, WORKERS)
    artifacts = [artifact for artifact in compiled if isinstance(artifact, Artifact)]
    ran = iter(_run([case for case, built in zip(cases, compiled, strict=True) if isinstance(built, Artifact)], artifacts, machine, folder))
    return [next(ran) if isinstance(built, Artifact) else CrossResult(str(built)) for built in compiled]


def check_cases(cases: Sequence[CrossCase], target: Target, machine: Emulator, folder: Path) -> None:
    """Every case computes the reference."""
    wrong: list[str] = []
    for case, result in zip(cases, run_batch(cases, target, machine, folder), strict=True):
        if case.drawn and TOO_LONG in result.error:
            continue
        if result.error:
            wrong.append(f"{case.label}: {result.error}")
            continue
        for got, want in zip(result.outputs, reference(case.workload, case.arguments), strict=True):
            try:
                assert_close(got, want, case.label, rounding(case.workload))
            except AssertionError as error:
                wrong.append(str(error))
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)


def build_driver(artifacts: Sequence[Artifact], target: str, folder: Path) -> Path:
    """The program, with the kernels in the order of `artifacts`."""
    objects = {artifact.symbol: folder / f"{artifact.symbol}.o" for artifact in artifacts}
    for artifact in artifacts:
        objects[artifact.symbol].write_bytes(artifact.object_code)
    packs = {artifact.pack_symbol for artifact in artifacts if artifact.pack_symbol}
    lines = ['#include "tilewright_runtime.h"', "typedef struct { tw_kernel pack; tw_kernel main; } cross_kernel;"]
    lines += [f"extern void {symbol}(void **, tw_pool *);" for symbol in sorted(packs | set(objects))]
    entries = ", ".join(f"{{{artifact.pack_symbol or '0'}, {artifact.symbol}}}" for artifact in artifacts)
    (folder / "kernels.c").write_text("\n".join([*lines, f"const cross_kernel cross_kernels[] = {{{entries}}};\n"]))
    (folder / "objects.txt").write_text("\n".join(map(str, objects.values())))
    toolchain = find_toolchain("" if Target.parse(target).arch == Target.parse("host").arch else Target.parse(target).triple)
    sources = (DRIVER, folder / "kernels.c", *RUNTIME_SOURCES)
    words = [*toolchain.command, "-std=c11", "-O1", f"-I{NATIVE_FOLDER}", *map(str, sources), f"@{folder / 'objects.txt'}"]
    subprocess.run([*words, "-o", str(folder / "driver"), "-lm", "-lpthread"], check=True)
    return folder / "driver"


def _run(cases: Sequence[CrossCase], artifacts: Sequence[Artifact], machine: Emulator, folder: Path) -> list[CrossResult]:
    driver = build_driver(artifacts, artifacts[0].target, folder)
    files = _Files(folder)
    places = [files.add(case, artifact) for case, artifact in zip(cases, artifacts, strict=True)]
    files.write()
    done = machine.run([driver, files.cases, files.inputs, files.outputs], BATCH_SECS)
    assert done.returncode == 0, f"the driver ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-500:]}"
    statuses = [int(line.split()[1]) for line in done.stdout.splitlines()]
    data = files.outputs.read_bytes()
    results: list[CrossResult] = []
    for case, place, status in zip(cases, places, statuses, strict=True):
        types = case.workload.output_types
        outputs = [
            np.frombuffer(data, kind.dtype, kind.element_count, place[index]).reshape(kind.shape) for index, kind in enumerate(types)
        ]
        signal = status & 0x7F
        results.append(CrossResult(f"died of signal {signal}, status {status:#x}" if status else "", tuple(outputs)))
    return results


class _Files:
    """The text of the cases, and where in the two other files each buffer lies."""

    def __init__(self, folder: Path) -> None:
        self.cases, self.inputs, self.outputs = (folder / name for name in ("cases.txt", "inputs.bin", "outputs.bin"))
        self._lines: list[str] = []
        self._data: list[bytes] = []
        self._input_bytes = self._output_bytes = 0

    def add(self, case: CrossCase, artifact: Artifact) -> Mapping[int, int]:
        """The offset of each output."""
        numbers: dict[tuple[ParamRole, int, bool], int] = {}
        buffers: list[str] = []
        places: dict[int, int] = {}

        def number(param: Param, packing: bool) -> str:
            key = (param.role, param.index, packing and param.role is ParamRole.WORKSPACE)
            if key not in numbers:
                numbers[key] = len(numbers)
                size = math.prod(param.buffer.shape) * np.dtype(param.buffer.dtype).itemsize
                source = self._input(case.arguments[param.index]) if param.role is ParamRole.ARGUMENT else -1
                if param.role is ParamRole.OUTPUT:
                    places[param.index] = self._output_bytes
                    self._output_bytes += align_up(size)
                goal = places[param.index] if param.role is ParamRole.OUTPUT else -1
                buffers.append(f"{size} {source} {goal} {int(param.role is ParamRole.PACKED)}")
            return str(numbers[key])

        pack = [number(param, True) for param in artifact.pack_params]
        main = [number(param, False) for param in artifact.params]
        self._lines += [f"{case.threads} {len(buffers)} {len(pack)} {len(main)}", *buffers, " ".join(pack), " ".join(main)]
        return places

    def _input(self, array: Array) -> int:
        data = np.ascontiguousarray(array).tobytes()
        offset = self._input_bytes
        self._data.append(data.ljust(align_up(len(data)), b"\0"))
        self._input_bytes += align_up(len(data))
        return offset

    def write(self) -> None:
        self.cases.write_text("\n".join(self._lines) + "\n")
        self.inputs.write_bytes(b"".join(self._data))
        self.outputs.write_bytes(bytes(self._output_bytes))
