"""The smallest thing that runs a compiled model: a native thread pool, aligned memory, and `Executable`; also links exported models.

Stage: after `compiler/codegen`, driven by `compiler/driver`. Nothing here needs the code generator.
"""

from compiler.runtime.environment import Environment, child_environment, read_environment
from compiler.runtime.executable import Executable
from compiler.runtime.link_model import MODEL_HEADER, ModelCode, link_model
from compiler.runtime.load_model import NativeModel, ProfileFunction, RunFunction, load_model
from compiler.runtime.memory import ALIGNMENT, align_up, aligned_copy, allocate_bytes, empty_array, is_aligned
from compiler.runtime.model_info import KernelInfo, ModelInfo, NamedType
from compiler.runtime.model_table import PROFILE_SYMBOL, RUN_SYMBOL
from compiler.runtime.native_runtime import NativeRuntime, build_runtime_library, native_runtime
from compiler.runtime.profiled_runs import KernelTime, ProfiledRuns, quiet_mean
from compiler.runtime.thread_pool import ThreadPool
from compiler.runtime.toolchain import Toolchain, find_toolchain
from compiler.runtime.write_standalone import StandaloneSizes, write_standalone

__all__ = [
    "ALIGNMENT",
    "MODEL_HEADER",
    "PROFILE_SYMBOL",
    "RUN_SYMBOL",
    "Environment",
    "Executable",
    "KernelInfo",
    "KernelTime",
    "ModelCode",
    "ModelInfo",
    "NamedType",
    "NativeModel",
    "NativeRuntime",
    "ProfileFunction",
    "ProfiledRuns",
    "RunFunction",
    "StandaloneSizes",
    "ThreadPool",
    "Toolchain",
    "align_up",
    "aligned_copy",
    "allocate_bytes",
    "build_runtime_library",
    "child_environment",
    "empty_array",
    "find_toolchain",
    "is_aligned",
    "link_model",
    "load_model",
    "native_runtime",
    "quiet_mean",
    "read_environment",
    "write_standalone",
]
