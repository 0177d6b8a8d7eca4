"""Machine code for several targets, the count of spills, and what is refused."""

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from compiler.codegen.llvm import generate_object, load_objects
from compiler.codegen.llvm.emit_object import count_spills, emit_machine_code, emit_object
from compiler.codegen.llvm.generate_object import generate_module
from compiler.errors import CodegenError
from compiler.loop_ir import Allocate, For, LoopFunc, LoopKind, Seq, Stmt, Store, Update
from compiler.lower import LoweredKernel
from compiler.target import Target
from compiler.te import Buffer, Const, Load, Select, Var, call, maximum
from compiler.tensor_type import FLOAT32

TARGETS = ["host", "x86-64-v3", "x86-64-v4", "pi3b", "aarch64", "llvm -mtriple=armv7l-linux-gnueabihf -mcpu=cortex-a7"]
MACHINES = {"x86_64": 62, "aarch64": 183, "armv7": 40}  # e_machine of ELF

A, B, C = (Buffer(name, (64,)) for name in "abc")
INDEX = Var("i")


def kernel(lanes: int = 16) -> LoweredKernel:
    at = (Var("o") * lanes + INDEX,)
    value = maximum(Load(A, at) * Load(B, at) + call("exp", Load(C, at)), 0.0)
    return LoweredKernel(LoopFunc("f", (A, B, C), For("o", 64 // lanes, For("i", lanes, Store(C, at, value), LoopKind.VECTORIZED))), ())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target(name: str) -> None:
    target = Target.parse(name)
    artifact = generate_object(kernel(target.vector_lanes), target, "k")
    assert artifact.object_code[:4] == b"\x7fELF"
    assert int.from_bytes(artifact.object_code[18:20], "little") == MACHINES[target.arch]
    facts = dict(artifact.facts)
    assert 0 < int(facts["code_bytes"]) < len(artifact.object_code)
    assert float(facts["codegen_secs"]) > 0
    assert facts["spills"] == 0
    assert artifact.target == str(target)


def assembly(target: Target) -> str:
    """LLVM's text for `kernel()`."""
    machine = llvm.Target.from_triple(target.triple).create_target_machine(cpu=target.cpu, features=target.features)
    module = llvm.parse_assembly(str(generate_module(kernel().main, target, "k")))
    text: str = machine.emit_assembly(module)
    return text


@pytest.mark.parametrize(("name", "present"), [("x86-64-v4", "zmm"), ("x86-64-v3", "vfmadd"), ("pi3b", "fmla")])
def test_instructions_of_the_target(name: str, present: str) -> None:
    assert present in assembly(Target.parse(name))


def test_no_fused_multiply_add_where_there_is_none() -> None:
    text = str(generate_module(kernel().main, Target.parse("llvm -mtriple=x86_64-linux-gnu -mcpu=x86-64-v2"), "k"))
    assert "llvm.fma" not in text
    assert "fmul <16 x float>" in text


@pytest.mark.parametrize("name", ["pi3b", "x86-64-v3"])
@pytest.mark.parametrize(("count", "fits"), [(8, True), (60, False)])
def test_spills_of_other_machines_are_counted_too(name: str, count: int, fits: bool) -> None:
    """8 accumulators fit 16 registers, 60 do not fit 32."""
    target = Target.parse(name)
    func = crowded_loop(count, target.vector_lanes)
    assert (dict(generate_object(LoweredKernel(func, ()), target, "k").facts)["spills"] == 0) == fits


def crowded_loop(count: int, lanes: int) -> LoopFunc:
    """A loop with `count` vectors of accumulators."""
    x, y, acc = Buffer("x", (100, lanes)), Buffer("y", (count, lanes)), Buffer("acc", (count, lanes), scope="register")
    lane, u, k = Var("l"), Var("u"), Var("k")

    def each(store: Store) -> Stmt:
        return For("u", count, For("l", lanes, store, LoopKind.VECTORIZED), LoopKind.UNROLLED)

    start = each(Store(acc, (u, lane), Load(y, (u, lane))))
    add = For("k", 100, each(Store(acc, (u, lane), Load(acc, (u, lane)) * Load(x, (k, lane)) + 1.0)))
    end = each(Store(y, (u, lane), Load(acc, (u, lane))))
    return LoopFunc("f", (x, y), Allocate(acc, Seq((start, add, end))))


def test_only_vector_spills_of_the_deepest_loop_count() -> None:
    text = """
    vmovups %zmm1, (%rsp)                   # 64-byte Spill
.LBB0_1:                                # =>This Loop Header: Depth=1
                                        #     Child Loop BB0_2 Depth 2
    vmovups (%rsp), %zmm1                   # 64-byte Reload
.LBB0_2:                                #   Parent Loop BB0_1 Depth=1
                                        # =>  This Inner Loop Header: Depth=2
    movq %rax, 8(%rsp)                      # 8-byte Spill
    vfmadd231ps 64(%rsp), %zmm0, %zmm1      # 64-byte Folded Reload
    vmovups %ymm0, 192(%rsp)                # 32-byte Spill
# %bb.3:                                #   in Loop: Header=BB0_1 Depth=1
    vmovups %zmm1, (%rsp)                   # 64-byte Spill
"""
    assert count_spills(text) == 2
    assert count_spills("f:\n  str q0, [sp]   // 16-byte Spill\n") == 1
    assert count_spills("f:\n  ret\n") == 0


def refuse(func: LoopFunc, message: str) -> None:
    with pytest.raises(CodegenError, match=message):
        generate_object(LoweredKernel(func, ()), Target.parse("x86-64-v3"), "k")


def test_what_lowering_has_to_take_away() -> None:
    refuse(
        LoopFunc("f", (A,), Update(A, (Const(0),), "sum", Const(1.0, np.dtype(np.float32)))), "Update cannot stand in a lowered function"
    )


def test_nested_vector_loops() -> None:
    inner = For("j", 4, Store(A, (INDEX * 4 + Var("j"),), Load(B, (INDEX,))), LoopKind.VECTORIZED)
    refuse(LoopFunc("f", (A, B), For("i", 4, inner, LoopKind.VECTORIZED)), "vectorized loop j stands inside vectorized loop i")


def test_too_many_lanes() -> None:
    wide = Buffer("wide", (1000,))
    refuse(
        LoopFunc("f", (wide,), For("i", 1000, Store(wide, (INDEX,), Load(wide, (INDEX,))), LoopKind.VECTORIZED)),
        "has 1000 lanes; at most 256",
    )


def test_too_large_a_body() -> None:
    wide = Buffer("wide", (1 << 20,))
    body = For("i", 1 << 20, Store(wide, (INDEX,), Load(wide, (INDEX,)) + 1.0), LoopKind.UNROLLED)
    refuse(LoopFunc("f", (wide,), body), "unrolls to more than")


def test_unknown_dtype() -> None:
    odd = Buffer("odd", (4,), np.dtype(np.complex64))
    refuse(
        LoopFunc("f", (odd,), For("i", 4, Store(odd, (INDEX,), Load(odd, (INDEX,))))),
        "dtype complex64 has no LLVM code; supported: bool, int8",
    )


def test_text_that_llvm_refuses() -> None:
    module = ir.Module()
    block = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "f").append_basic_block("entry")
    block.instructions.append("this is no instruction")
    with pytest.raises(CodegenError, match="LLVM refuses the generated code"):
        emit_object(module, Target.parse("host"))
    for main, pack in ((module, None), (ir.Module("good"), module)):
        with pytest.raises(CodegenError, match="LLVM refuses the generated code"):
            emit_machine_code(main, pack, Target.parse("host"))


@pytest.mark.parametrize("name", TARGETS)
def test_a_pack_function_is_the_same_code_under_each_name(name: str) -> None:
    """Its assembly is kept under no name; a select between a load and zeros needs a constant that both functions have of their own."""
    target = Target.parse(name)
    guarded = Select(INDEX < 5, Load(A, (INDEX,)), Const(0.0, FLOAT32))
    pack = LoopFunc("pack", (A, B), For("i", 64, Store(B, (INDEX,), guarded)))
    main = LoopFunc("main", (B, C), For("i", 64, Store(C, (INDEX,), Select(INDEX < 7, Load(B, (INDEX,)), Const(0.0, FLOAT32)))))
    first, second = (generate_object(LoweredKernel(main, (), pack), target, symbol) for symbol in ("one", "two"))
    assert len(first.object_code) == len(second.object_code)
    for artifact, symbol, other in ((first, b"one", b"two"), (second, b"two", b"one")):
        names = artifact.object_code.split(b"\0")
        for each in (symbol, symbol + b"_pack"):  # a symbol's name may be the end of its section's, and share its bytes
            assert any(name in (each, b".text." + each, b".rel.text." + each, b".rela.text." + each) for name in names)
        assert not [name for name in names if other in name or b"tilewright" in name]


def test_spills_of_the_pack_function_do_not_count() -> None:
    func = LoopFunc("f", (A, B), For("i", 64, Store(B, (INDEX,), Load(A, (INDEX,)))))
    crowded = crowded_loop(60, 8)
    facts = dict(generate_object(LoweredKernel(func, (), crowded), Target.parse("x86-64-v3"), "k").facts)
    assert facts["spills"] == 0
    assert dict(generate_object(LoweredKernel(crowded, ()), Target.parse("x86-64-v3"), "k").facts)["spills"] != 0


def test_loading_what_is_not_there() -> None:
    code = generate_object(kernel(), Target.parse("host"), "k").object_code
    loaded = load_objects([code], {})
    assert loaded.address("k") != 0
    with pytest.raises(CodegenError, match="function 'other' cannot be loaded"):
        loaded.address("other")
    with pytest.raises(CodegenError, match="cannot be loaded"):
        load_objects([b"not an object"], {})


def test_a_missing_symbol_is_an_error_not_a_crash() -> None:
    module = ir.Module("m")
    missing = ir.Function(module, ir.FunctionType(ir.VoidType(), ()), "tw_no_library_has_this")
    builder = ir.IRBuilder(ir.Function(module, ir.FunctionType(ir.VoidType(), ()), "k").append_basic_block())
    builder.call(missing, ())
    builder.ret_void()
    code = emit_object(module, Target.parse("host"))
    with pytest.raises(CodegenError, match="or a symbol that it needs"):
        load_objects([code], {}).address("k")


@pytest.mark.parametrize(("lanes", "dtype", "wanted"), [(16, np.float32, 8), (8, np.float32, 4), (16, np.int16, 4), (16, np.uint8, 2)])
def test_a_line_of_the_cache_is_asked_for_once(lanes: int, dtype: type, wanted: int) -> None:
    """Of eight vectors in a row, which fill eight lines, four or two."""
    source = Buffer("a", (64 * lanes,), np.dtype(dtype), prefetch=1024)
    at = Var("o") * (8 * lanes) + Var("u") * lanes + INDEX
    copy = For("i", lanes, Store(Buffer("b", source.shape, source.dtype), (at,), Load(source, (at,))), LoopKind.VECTORIZED)
    func = LoopFunc("f", (source, Buffer("b", source.shape, source.dtype)), For("o", 8, For("u", 8, copy, LoopKind.UNROLLED)))
    text = str(generate_module(func, Target.parse("x86-64-v4"), "k"))
    assert text.count('call void @"llvm.prefetch.p0"') == wanted
