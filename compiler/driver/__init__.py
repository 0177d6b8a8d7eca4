"""The whole path: workload or graph in, running code out. The top of `compiler`; `measure` and `tilewright` stand on it."""

from compiler.driver.choose_variant import VariantChoice, choose_variant
from compiler.driver.cold_memory import ColdMemory
from compiler.driver.compile_kernel import compile_kernel
from compiler.driver.compile_kernels import KernelRequest, compile_kernels
from compiler.driver.compile_model import compile_model
from compiler.driver.host_check import runs_here
from compiler.driver.loaded_kernel import BoundKernel, LoadedKernel
from compiler.driver.object_cache import ObjectCache, code_version, kernel_key
from compiler.driver.schedule_choice import DefaultSchedule, NoSchedules, ScheduleChoice, ScheduleSource

__all__ = [
    "BoundKernel",
    "ColdMemory",
    "DefaultSchedule",
    "KernelRequest",
    "LoadedKernel",
    "NoSchedules",
    "ObjectCache",
    "ScheduleChoice",
    "ScheduleSource",
    "VariantChoice",
    "choose_variant",
    "code_version",
    "compile_kernel",
    "compile_kernels",
    "compile_model",
    "kernel_key",
    "runs_here",
]
