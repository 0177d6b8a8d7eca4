"""Packing of constants by several threads: the same bytes as by one, whatever the constants' memory is like."""

import numpy as np
import pytest

from compiler.driver import ScheduleChoice, compile_model
from compiler.graph import Graph, GraphBuilder, evaluate
from compiler.ops import Array
from compiler.runtime import is_aligned
from compiler.schedule import CacheRead, Schedule
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Workload
from tests.compiler.driver.conftest import CONV

HOST = Target.parse("host")
LAYERS = 12
PACKED = Schedule((CacheRead("arg1", "conv2d", "arg1.packed", ((0, 2),), (1, 2, 3, 0, 4)),))


class PackedConvolutions:
    def best_schedule(self, workload: Workload, _target: Target, _device: str) -> ScheduleChoice | None:
        return ScheduleChoice(PACKED, "test", None) if any(op.op == "conv2d" for op in workload.ops) else None


def unaligned(array: Array) -> Array:
    block = np.empty(array.nbytes + 192, np.uint8)
    start = -block.ctypes.data % 64 + 4
    moved = block[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    moved[...] = array
    assert not is_aligned(moved)
    return moved


def chain(channels: int) -> Graph:
    """Convolutions with weights of their own, each followed by a product with a constant that kernels read as it is."""
    rng = np.random.default_rng(3)
    builder = GraphBuilder("chain")
    x = builder.input("x", TensorType((1, channels, 5, 5)))
    for layer in range(LAYERS):
        weight = (rng.standard_normal((channels, channels, 3, 3)) / (3 * channels**0.5)).astype(np.float32)
        scale = rng.standard_normal((1, channels, 5, 5)).astype(np.float32)
        x = builder.apply("conv2d", [x, builder.constant(unaligned(weight), f"weight{layer}")], CONV)
        x = builder.apply("relu", [builder.apply("mul", [x, builder.constant(unaligned(scale), f"scale{layer}")])])
    return builder.graph([x])


def naive_schedule(_workload: Workload, _target: Target, _threads: int) -> Schedule:
    return Schedule()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_constant_is_in_its_place(threads: int) -> None:
    graph = chain(channels=4)
    x = np.random.default_rng(4).standard_normal((1, 4, 5, 5)).astype(np.float32)
    source = PackedConvolutions()
    executable = compile_model(graph, HOST, source, device="", default_schedule=naive_schedule, threads=threads, cache=None)
    assert {kernel.schedule_source for kernel in executable.kernels if "conv2d" in kernel.workload} == {"test"}
    (want,) = evaluate(graph, {"x": x})
    (got,) = executable.run({"x": x})
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * float(np.abs(want).max()))
