"""Random networks over images and sequences as machine code: whole, and each of their fused kernels between guard pages."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.driver import NoSchedules, compile_model
from compiler.graph import Graph, evaluate, extract_groups, optimize_graph
from compiler.target import Target
from compiler.tensor_type import TensorType
from schedule_space import default_schedule
from tests.compiler.graph.conftest import RandomNet
from tests.conformance.native_check import NativeChecker, assert_close, default_variant, drawn_variants, reference, targets
from tests.conformance.sequence_net import SequenceNet

Array = NDArray[Any]

QUICK_SEEDS, SLOW_SEEDS = range(24), range(1000, 1300)
STEPS = 14
WHOLE_TOLERANCE = 1e-4  # rounding errors go through all layers
NETS: Mapping[str, Callable[[int], RandomNet | SequenceNet]] = {"images": RandomNet, "sequences": SequenceNet}


def inputs_of(graph: Graph, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(graph.types[name].shape).astype(np.float32) for name in graph.inputs}


def arbitrary(kind: TensorType, rng: np.random.Generator) -> Array:
    if kind.dtype.kind == "f":
        return rng.standard_normal(kind.shape).astype(kind.dtype)
    return rng.integers(0, 2 if kind.dtype.kind == "b" else 50, kind.shape).astype(kind.dtype)


def check_whole(graph: Graph, seed: int) -> None:
    inputs = inputs_of(graph, seed)
    names = list(targets())
    target: Target = targets()[names[seed % len(names)]]
    executable = compile_model(
        graph, target, NoSchedules(), device=None, default_schedule=default_schedule, threads=1 + seed % 3, cache=None
    )
    for _ in range(2):
        for name, got, want in zip(graph.outputs, executable.run(inputs), evaluate(graph, inputs), strict=True):
            assert_close(got, want, f"seed {seed}: {name}", WHOLE_TOLERANCE)
        for arena in executable._arenas:
            arena.fill(0xFF)  # not-a-numbers, for the second run to find where the first one left zeros


def check_kernels(graph: Graph, seed: int, checker: NativeChecker, draws: int) -> None:
    names = list(targets())
    target = names[seed % len(names)]
    graph = optimize_graph(graph, targets()[target])
    rng = np.random.default_rng(seed)
    for workload in dict.fromkeys(group.workload for group in extract_groups(graph)):
        arguments = [arbitrary(argument.type, rng) for argument in workload.arguments]
        if any(op.op == "div" for op in workload.ops):  # by what cannot come near zero
            arguments = [np.abs(array) + 1 for array in arguments]
        threads = int(rng.integers(1, 3))
        variants = [default_variant(workload, target, threads), *drawn_variants(workload, target, 3 - threads, draws)]
        checker.check(workload, arguments, reference(workload, arguments), variants)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("seed", QUICK_SEEDS)
def test_network(net: str, seed: int) -> None:
    check_whole(NETS[net](seed).build(STEPS), seed)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("seed", QUICK_SEEDS[::3])
def test_kernels(net: str, seed: int, checker: NativeChecker) -> None:
    check_kernels(NETS[net](seed).build(STEPS), seed, checker, draws=1)


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("seed", SLOW_SEEDS)
def test_many_networks(net: str, seed: int, checker: NativeChecker) -> None:
    graph = NETS[net](seed).build(STEPS)
    check_whole(graph, seed)
    check_kernels(graph, seed, checker, draws=3)
