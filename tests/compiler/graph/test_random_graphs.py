"""Property: whatever the passes make of a random network computes the same, on the bytes that the memory plan gives it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.graph import Graph, check_plan, choose_layouts, evaluate, extract_groups, optimize_graph, plan_memory, simplify_graph
from compiler.target import Target

TARGETS = {
    "avx512": Target.parse("llvm -mcpu=skylake-avx512 -mtriple=x86_64-linux-gnu -num-cores=2"),
    "avx2": Target.parse("llvm -mcpu=haswell -mtriple=x86_64-linux-gnu -num-cores=2"),
    "neon": Target.parse("llvm -mcpu=cortex-a53 -mtriple=aarch64-linux-gnu -num-cores=2"),
}
shared_fixtures = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@shared_fixtures
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 14))
def test_simplified(seed: int, steps: int, random_graph: Callable[..., Graph], assert_same: Callable[..., None]) -> None:
    graph = random_graph(seed, steps)
    assert_same(graph, simplify_graph(graph), tolerance=1e-4)


@shared_fixtures
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 14), block=st.sampled_from([4, 8, 16]))
def test_blocked(seed: int, steps: int, block: int, random_graph: Callable[..., Graph], assert_same: Callable[..., None]) -> None:
    graph = random_graph(seed, steps)
    assert_same(graph, choose_layouts(graph, block), tolerance=1e-5)


@pytest.mark.parametrize("target", TARGETS)
@shared_fixtures
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 20))
def test_planned(
    target: str,
    seed: int,
    steps: int,
    random_graph: Callable[..., Graph],
    assert_same: Callable[..., None],
    run_planned: Callable[..., list],
) -> None:
    graph = random_graph(seed, steps)
    optimized = optimize_graph(graph, TARGETS[target])
    assert_same(graph, optimized, tolerance=1e-4)
    groups = extract_groups(optimized)
    rng = np.random.default_rng(seed)
    workspace_bytes = [int(size) for size in rng.integers(0, 3, len(groups)) * 100]
    plan = plan_memory(optimized, groups, workspace_bytes)
    check_plan(optimized, groups, workspace_bytes, plan)
    inputs = {name: rng.standard_normal(graph.types[name].shape).astype(np.float32) for name in graph.inputs}
    expected = evaluate(optimized, inputs)
    for want, got in zip(expected, run_planned(optimized, groups, workspace_bytes, plan, inputs), strict=True):
        np.testing.assert_array_equal(got, want)
