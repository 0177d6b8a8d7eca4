"""LLVM IR -> object code: the target machine, LLVM's process-wide options, and the count of spills. Used by `generate_object.py`.

The code is generated once, as annotated assembly text, because LLVM tells of spills only there ("64-byte Spill" behind the instruction,
the loop depth behind a label). The text then goes through the assembler as module-level asm: 22 ms + 2 ms for a convolution of 450 fmas,
against 21 ms for the object alone (Zen 5). llvmlite assembles for the host's architecture only; for others the object is generated as well.

The function that packs constants is a module of its own. The candidates of a workload differ little in it, so its assembly is kept: 12 of
the 50 ms that LLVM takes for a Winograd convolution, 5 of 30 for a direct one.

No pass pipeline runs over the IR: the emitter already writes SSA values with the invariant parts outside the loops. On that convolution
sroa + instcombine + gvn + sink take 11 ms, O3 takes 150 ms, and the kernel runs at 239, 239 and 240 GFLOP/s without, with those, with O3.
"""

import functools
import re
from bisect import bisect_right
from dataclasses import dataclass

import llvmlite.binding as llvm
from llvmlite import ir

from compiler.errors import CodegenError
from compiler.target import Target

# LLVM's switches for the whole process, set before each use.
# The scheduler before register allocation hoists the broadcasts of a register tile and spills: 14x2 accumulators on AVX-512 had 234 spills
# in the inner loop with it and none without, 8x3 on NEON 30 and none. The one after register allocation still runs: without it LLVM takes
# 9 % less time, but pools up to 30 % more.
# Loop strength reduction took 75 of 100 ms on some convolutions; the emitter makes moving pointers itself, and kernels are as fast.
# A cpu that executes in order needs it all the same, on bodies short enough not to spill: 4 x 6 accumulators on a Cortex-A53 are predicted
# to take 2.9 cycles per multiply-add with it and 3.7 without (llvm-mca 14; benchmarks/cortex_a53.py).
_OPTIONS = ("-disable-lsr=true",)
# A body with prefetches keeps its loads in order by lists of nodes, which the selection of instructions joins to ever longer ones. If it
# does not, LLVM takes 13 % less time on convolutions for x86; a quarter of the kernels change, none in speed (48 fast ones, 1.000 in the
# mean). For a 32-bit ARM some spill more.
_JOINED_LOADS = 2048  # LLVM's own bound
_JOINED_LOADS_ON_X86 = 1

_ABIS = {"riscv64": "lp64d"}  # elsewhere the triple tells

_SPILL = re.compile(r"[#@;/] (\d+)-byte (?:Folded )?(?:Spill|Reload)")
# Behind a block's label: its parent loops, `=>... Depth=` of its own loop, its child loops; or `in Loop: Header=BB0_2 Depth=`.
_DEPTH = re.compile(r"[#@;/] .*\bDepth=(\d+)")
_LABEL = re.compile(r"^(?:\.?L?BB\d+_\d+|\W+%bb\.\d+):", re.MULTILINE)
_LOCAL_LABEL = re.compile(r"\.L(?=[A-Za-z])")
_SMALLEST_VECTOR_BYTES = 16
_KEPT_PACKS = 64  # of some 50 KiB
_ANY_NAME = "tilewright.pack"  # stands for the name of a module that is kept


@dataclass(frozen=True, slots=True)
class MachineCode:
    """spills: vector registers spilled or reloaded in the main function, in the blocks of its deepest loops (in all where no loop is)."""

    object_code: bytes
    code_bytes: int
    spills: int


def emit_object(module: ir.Module, target: Target) -> bytes:
    """Object code of `module`; raises `CodegenError` if LLVM refuses the IR."""
    return bytes(_machine(target).emit_object(_parse(str(module), target)))


def emit_assembly(module: ir.Module, target: Target) -> str:
    """The assembly text from which `emit_machine_code` makes its object, with loop depths and spills as comments."""
    return str(_machine(target).emit_assembly(_parse(str(module), target)))


def emit_machine_code(main: ir.Module, pack: ir.Module | None, target: Target) -> MachineCode:
    """Object code of both modules, and what the assembly of `main` tells."""
    machine = _machine(target)
    parsed = _parse(str(main), target)
    assembly = machine.emit_assembly(parsed)
    if _is_native(target):
        text = assembly
        if pack is not None:
            kept = _kept_assembly(str(pack).replace(pack.name, _ANY_NAME), target)
            text += kept.replace(_ANY_NAME, pack.name)
        parsed = _parse(f'module asm "{_quoted(text)}"', target)
    elif pack is not None:
        parsed.link_in(_parse(str(pack), target))
    object_code = bytes(machine.emit_object(parsed))
    sections = llvm.ObjectFileRef.from_data(object_code).sections()
    code_bytes = sum(section.size() for section in sections if section.is_text())
    return MachineCode(object_code, code_bytes, count_spills(assembly))


@functools.lru_cache(maxsize=_KEPT_PACKS)
def _kept_assembly(text: str, target: Target) -> str:
    """Assembly that can stand behind another module's: its local labels have names of their own."""
    assembly: str = _machine(target).emit_assembly(_parse(text, target))
    return _LOCAL_LABEL.sub(".Lpack_", assembly)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\5C").replace('"', "\\22").replace("\n", "\\0A")


def count_spills(assembly: str) -> int:
    """Vector spills and reloads in the blocks of greatest loop depth.

    >>> count_spills("BB0_1: # =>This Inner Loop Header: Depth=1\\n vmovups %zmm0, 8(%rsp) # 64-byte Spill\\n")
    1
    """
    spilled = [match.start() for match in _SPILL.finditer(assembly) if int(match[1]) >= _SMALLEST_VECTOR_BYTES]
    if not spilled:
        return 0
    starts = [0, *(match.start() for match in _LABEL.finditer(assembly))]
    depths = [0] * len(starts)
    for match in _DEPTH.finditer(assembly):
        if "Parent Loop" not in match[0] and "Child Loop" not in match[0]:
            depths[bisect_right(starts, match.start()) - 1] = int(match[1])
    deepest = max(depths)
    return sum(depths[bisect_right(starts, start) - 1] == deepest for start in spilled)


def _is_native(target: Target) -> bool:
    return bool(llvm.get_process_triple().split("-", 1)[0] == target.arch)


@functools.cache
def _initialize() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()


@functools.cache
def _cached_machine(target: Target) -> llvm.TargetMachine:
    _initialize()
    try:
        known = llvm.Target.from_triple(target.triple)
    except RuntimeError as error:
        raise CodegenError(f"LLVM cannot compile for {target.triple}: {error}") from error
    machine = known.create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="default", abiname=_ABIS.get(target.arch, "")
    )
    machine.set_asm_verbosity(True)
    return machine


def _machine(target: Target) -> llvm.TargetMachine:
    machine = _cached_machine(target)
    joined = _JOINED_LOADS_ON_X86 if target.arch == "x86_64" else _JOINED_LOADS
    by_target = (f"-enable-misched={'true' if target.in_order else 'false'}", f"-combiner-tokenfactor-inline-limit={joined}")
    for option in (*_OPTIONS, *by_target):
        llvm.set_option("tilewright", option)
    return machine


def _parse(text: str, target: Target) -> llvm.ModuleRef:
    machine = _cached_machine(target)
    try:
        module = llvm.parse_assembly(text)
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise CodegenError(f"LLVM refuses the generated code: {' '.join(str(error).split())[:500]}") from error
    return module
