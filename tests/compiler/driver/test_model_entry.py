"""The generated entry of a model: which addresses each kernel gets, in which order, and the profile."""

import ctypes

import numpy as np

from compiler.codegen.llvm import Area, KernelCall, ModelEntry, Place, generate_model_entry, load_objects
from compiler.runtime import ProfileFunction, RunFunction, native_runtime
from compiler.target import Target

Kernel = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)


def address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def test_kernels_get_their_places_in_order() -> None:
    seen: list[tuple[str, list[int], int | None]] = []
    first = Kernel(lambda params, pool: seen.append(("first", [params[i] for i in range(4)], pool)))
    second = Kernel(lambda params, pool: seen.append(("second", [params[0]], pool)))
    calls = (
        KernelCall("first", (Place(Area.INPUT, 1, 0), Place(Area.OUTPUT, 0, 64), Place(Area.WEIGHTS, 0, 128), Place(Area.ARENA, 0, 192))),
        KernelCall("second", (Place(Area.INPUT, 0, 8),)),
        KernelCall("first", (Place(Area.ARENA, 0, 0),) * 4),
    )
    code = generate_model_entry(ModelEntry(calls, "run", "profile"), Target.parse("host"))
    symbols = {**native_runtime().symbols, "first": address(first), "second": address(second)}
    loaded = load_objects((code,), symbols)
    inputs, outputs = (ctypes.c_void_p * 2)(0x1000, 0x2000), (ctypes.c_void_p * 1)(0x3000)
    expected = [
        ("first", [0x2000, 0x3040, 0x4080, 0x50C0], 7),
        ("second", [0x1008], 7),
        ("first", [0x5000] * 4, 7),
    ]
    assert RunFunction(loaded.address("run"))(inputs, outputs, 0x4000, 0x5000, 7) == 0
    assert seen == expected

    seen.clear()
    secs = np.full(4, -1.0)
    assert ProfileFunction(loaded.address("profile"))(inputs, outputs, 0x4000, 0x5000, 7, secs.ctypes.data) == 0
    assert seen == expected
    assert (secs[:3] > 0).all()
    assert secs[3] == -1.0


def test_a_model_without_kernels() -> None:
    loaded = load_objects((generate_model_entry(ModelEntry((), "run", "profile"), Target.parse("host")),), native_runtime().symbols)
    assert RunFunction(loaded.address("run"))(None, None, None, None, None) == 0
