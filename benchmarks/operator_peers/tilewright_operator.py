"""Tilewright: one kernel by one schedule, called in a native loop on blocked activations and packed weights."""

from dataclasses import dataclass

import numpy as np

from benchmarks.kernel_workloads import Convolution
from benchmarks.operator_case import Array, OperatorCase
from compiler.driver import BoundKernel, LoadedKernel, ObjectCache, compile_kernel
from compiler.runtime import ThreadPool, native_runtime
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload


@dataclass(frozen=True, slots=True)
class TilewrightOperator:
    """kernel: bound to the case's numbers."""

    case: OperatorCase
    kernel: BoundKernel

    def run(self) -> Array:
        self.kernel.run()
        (output,) = self.kernel.outputs()
        if isinstance(self.case.kernel, Convolution):
            _, blocks, height, width, lanes = output.shape
            return output.transpose(0, 1, 4, 2, 3).reshape(1, blocks * lanes, height, width)
        return np.array(output)

    def time(self, calls: int) -> float:
        return self.kernel.time(calls)


def prepare_operator(case: OperatorCase, workload: Workload, schedule: Schedule, target: Target) -> TilewrightOperator:
    """workload: one of the case's kernel, any form of it."""
    artifact = compile_kernel(workload, schedule, target, ObjectCache())
    loaded = LoadedKernel(artifact, ThreadPool(1, native_runtime()))
    return TilewrightOperator(case, loaded.prepare([_blocked(case, target.vector_lanes), case.weight], workload.output_types))


def _blocked(case: OperatorCase, lanes: int) -> Array:
    if not isinstance(case.kernel, Convolution):
        return case.data
    _, channels, height, width = case.data.shape
    split = case.data.reshape(1, channels // lanes, lanes, height, width)
    return np.ascontiguousarray(split.transpose(0, 1, 3, 4, 2))
