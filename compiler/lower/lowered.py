"""What lowering hands to code generation: two functions over buffers, and what each parameter is.

The native calling convention of both functions is `void f(void **params, tw_pool *pool)`: one pointer per parameter, in order, every buffer
dense, row-major and 64-byte aligned.
"""

from dataclasses import dataclass
from enum import StrEnum

from compiler.loop_ir import LoopFunc
from compiler.te import Buffer


class ParamRole(StrEnum):
    ARGUMENT = "argument"  # index: position among the workload's arguments
    PACKED = "packed"  # index: position among the packed constants; written once by `pack`, read by `main`
    OUTPUT = "output"  # index: position among the workload's outputs
    WORKSPACE = "workspace"  # index: position among the workspace buffers; contents are undefined at entry


@dataclass(frozen=True, slots=True)
class Param:
    buffer: Buffer
    role: ParamRole
    index: int


@dataclass(frozen=True, slots=True)
class LoweredKernel:
    """main: what runs at every inference; its params are arguments, packed constants, outputs, workspace, in this order.

    pack: what runs once at compile time, from the constant arguments to the packed constants; None if nothing is packed.
    """

    main: LoopFunc
    params: tuple[Param, ...]
    pack: LoopFunc | None = None
    pack_params: tuple[Param, ...] = ()
