"""Code generation for CPUs: a lowered kernel in, an `Artifact` with its object code out. Next: `load.py`, or `compiler/runtime`."""

import time

from llvmlite import ir

from compiler.codegen.artifact import Artifact
from compiler.codegen.llvm.emit_function import emit_function
from compiler.codegen.llvm.emit_object import emit_assembly, emit_machine_code
from compiler.codegen.llvm.kernel_module import KernelModule
from compiler.loop_ir import LoopFunc
from compiler.lower import LoweredKernel
from compiler.target import Target


def generate_module(func: LoopFunc, target: Target, symbol: str) -> ir.Module:
    """The LLVM module of a lowered function."""
    module = KernelModule(symbol, target)
    emit_function(module, func, symbol)
    return module.module


def generate_object(lowered: LoweredKernel, target: Target, symbol: str) -> Artifact:
    """Object code with `void symbol(void **params, tw_pool *pool)`, and `{symbol}_pack` if it packs constants; raises `CodegenError`."""
    start = time.perf_counter()
    main = generate_module(lowered.main, target, symbol)
    pack = None if lowered.pack is None else generate_module(lowered.pack, target, f"{symbol}_pack")
    code = emit_machine_code(main, pack, target)
    facts = (("spills", code.spills), ("code_bytes", code.code_bytes), ("codegen_secs", time.perf_counter() - start))
    return Artifact(
        object_code=code.object_code,
        symbol=symbol,
        params=lowered.params,
        pack_symbol=f"{symbol}_pack" if lowered.pack is not None else "",
        pack_params=lowered.pack_params,
        target=str(target),
        facts=facts,
    )


def generate_assembly(lowered: LoweredKernel, target: Target, symbol: str) -> str:
    """The kernel as assembly text, without what packs constants, for those who want to look at it; raises `CodegenError`."""
    return emit_assembly(generate_module(lowered.main, target, symbol), target)
