"""Whole models with Winograd convolutions: which forms are compiled, and that they compute what the graph says."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.driver import LoadedKernel, NoSchedules, ScheduleChoice, compile_kernel, compile_model
from compiler.graph import Graph, GraphBuilder, evaluate, extract_groups, optimize_graph, workload_variants
from compiler.graph.workload_variants import ERROR_OF_FIXED, ERROR_OF_NARROW, ERROR_OF_PRODUCTS
from compiler.ops import Array
from compiler.runtime import Executable, ThreadPool, native_runtime
from compiler.schedule import Schedule, Split
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Workload
from schedule_space import default_schedule
from tests.conformance.native_check import reference
from tests.schedule_space.workloads import conv, fixed, matmul, narrow, winograd

HOST = Target.parse("host")
AVX2 = Target.parse("x86-64-v3")
TOLERANCE = 1e-4  # of the largest output


class Net:
    """A network under construction: every method gives the name of a value."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(5)
        self.builder = GraphBuilder("net")

    def constant(self, *shape: int, scale: float = 1.0) -> str:
        return self.builder.constant((self.rng.standard_normal(shape) * scale).astype(np.float32))

    def op(self, name: str, *inputs: str, **attributes: Any) -> str:
        return self.builder.apply(name, inputs, attributes)

    def conv(self, x: str, channels: int, kernel: tuple[int, int] = (3, 3), stride: int = 1) -> str:
        """With a bias."""
        before = self.builder.types[x].shape[1]
        weight = self.constant(channels, before, *kernel, scale=(2 / (before * kernel[0] * kernel[1])) ** 0.5)
        top, left = kernel[0] // 2, kernel[1] // 2
        numbers = {"strides": (stride, stride), "padding": (top, left, top, left), "dilations": (1, 1), "groups": 1}
        y = self.op("conv2d", x, weight, **numbers, layout="NCHW", out_layout="NCHW")
        return self.op("add", y, self.constant(channels, 1, 1))


@pytest.fixture(scope="module")
def net() -> Graph:
    """Every kind of convolution that has forms, of odd sizes, with residual adds and activations; two images at a time."""
    net = Net()
    x = net.builder.input("x", TensorType((2, 3, 21, 19)))
    x = net.op("relu", net.conv(x, 32))
    y = net.op("relu", net.conv(x, 32))
    x = net.op("relu", net.op("add", net.conv(y, 32), x))
    y = net.conv(x, 40)
    y = net.op("mul", y, net.op("sigmoid", y))
    y = net.op("relu", net.conv(y, 48, (5, 5)))
    y = net.op("relu", net.conv(y, 32, (1, 7)))
    y = net.op("relu", net.conv(y, 32, (7, 1)))
    y = net.op("relu", net.conv(y, 64, stride=2))
    y = net.op("relu", net.conv(y, 32, (1, 1)))
    maps = net.conv(y, 33)
    return net.builder.graph([maps, net.op("global_average_pool", maps, layout="NCHW")])


@pytest.fixture(scope="module")
def inputs() -> dict[str, Array]:
    return {"x": np.random.default_rng(6).standard_normal((2, 3, 21, 19)).astype(np.float32)}


def compiled(graph: Graph, target: Target = HOST, threads: int = 1, source: Any = None, **options: float) -> Executable:
    schedules = source or NoSchedules()
    return compile_model(graph, target, schedules, device=None, default_schedule=default_schedule, threads=threads, cache=None, **options)


def anchors(executable: Executable) -> Counter[str]:
    definitions = [Workload.from_json(json.loads(kernel.definition)) for kernel in executable.kernels]
    return Counter(workload.ops[workload.anchor].op for workload in definitions)


def check_outputs(executable: Executable, graph: Graph, inputs: dict[str, Array]) -> None:
    for got, want in zip(executable.run(inputs), evaluate(graph, inputs), strict=True):
        assert np.abs(got - want).max() <= TOLERANCE * np.abs(want).max()


@pytest.mark.parametrize("threads", [1, 2])
def test_forms_are_chosen_and_compute_the_same(net: Graph, inputs: dict[str, Array], threads: int) -> None:
    executable = compiled(net, threads=threads)
    assert anchors(executable)["winograd_conv2d"] >= 6
    for _ in range(3):
        check_outputs(executable, net, inputs)


def test_narrower_vectors(net: Graph, inputs: dict[str, Array]) -> None:
    executable = compiled(net, AVX2, threads=2)
    assert anchors(executable)["winograd_conv2d"] >= 6
    check_outputs(executable, net, inputs)


def test_a_limit_of_zero_leaves_direct_forms(net: Graph, inputs: dict[str, Array]) -> None:
    executable = compiled(net, max_rel_error=0.0)
    assert anchors(executable)["winograd_conv2d"] == 0
    check_outputs(executable, net, inputs)
    assert anchors(compiled(net, max_rel_error=3e-6))["winograd_conv2d"] > 0


def test_a_saved_model_has_the_transformed_weights_inside(net: Graph, inputs: dict[str, Array], tmp_path: Path) -> None:
    executable = compiled(net, threads=2)
    executable.save(tmp_path / "model.so")
    loaded = Executable.load(tmp_path / "model.so", threads=2)
    for got, want in zip(loaded.run(inputs), executable.run(inputs), strict=True):
        np.testing.assert_array_equal(got, want)


class TimedForms:
    """Knows a time for one form of each workload; direct: for the workloads themselves, else for the last of the other forms."""

    def __init__(self, graph: Graph, direct: bool) -> None:
        target = replace(HOST, cores=1)
        workloads = {group.workload for group in extract_groups(optimize_graph(graph, target))}
        forms = [workload_variants(workload, target) for workload in workloads]
        self.timed = {each[0 if direct else -1] for each in forms if len(each) > 1}
        self.others = {form for each in forms if len(each) > 1 for form in each} - self.timed

    def best_schedule(self, workload: Workload, target: Target, device: None) -> ScheduleChoice | None:  # noqa: ARG002 - the protocol
        if workload not in self.timed | self.others:
            return None
        secs = 1e-6 if workload in self.timed else 2e-6
        return ScheduleChoice(default_schedule(workload, target, 1), "record", secs, 1e-5)


@pytest.mark.parametrize("direct", [True, False])
def test_measured_forms_win(net: Graph, inputs: dict[str, Array], direct: bool) -> None:
    source = TimedForms(net, direct)
    executable = compiled(net, source=source)
    recorded = [kernel for kernel in executable.kernels if kernel.schedule_source == "record"]
    assert {Workload.from_json(json.loads(kernel.definition)) for kernel in recorded} == source.timed
    assert {kernel.expected_secs for kernel in recorded} == {1e-6}
    assert bool(anchors(executable)["winograd_conv2d"]) is not direct
    check_outputs(executable, net, inputs)


class BrokenForms:
    """Schedules that cannot be applied, for the forms that are not direct."""

    def best_schedule(self, workload: Workload, target: Target, device: None) -> ScheduleChoice | None:  # noqa: ARG002 - the protocol
        if workload.ops[workload.anchor].op != "winograd_conv2d":
            return None
        return ScheduleChoice(Schedule((Split("no_such_loop", (4,)),)), "record", 1e-9)


def test_a_form_whose_schedule_fails_gives_way_to_the_direct_one(net: Graph, inputs: dict[str, Array]) -> None:
    executable = compiled(net, source=BrokenForms())
    assert anchors(executable)["winograd_conv2d"] == 0
    failed = [kernel for kernel in executable.kernels if kernel.schedule_source.startswith("default, since record failed: ")]
    assert len(failed) >= 6
    check_outputs(executable, net, inputs)


BLOCKED = {"layout": "NCHW16c", "out_layout": "NCHW16c"}


@pytest.mark.parametrize("tile", [(2, 2), (2, 4), (4, 4), (6, 6)], ids=str)
def test_forms_err_no_more_than_is_said_of_them(tile: tuple[int, int]) -> None:
    """After a relu, as in networks; the error of the form's elements decides whether a limit on the error allows it."""
    workload = winograd(conv((1, 4, 14, 14, 16), (64, 64, 3, 3), **BLOCKED), *tile)
    assert 0 < error_of(workload) <= ERROR_OF_PRODUCTS[max(tile) + 2]


@pytest.mark.parametrize("tile", [None, (2, 2), (2, 4), (4, 2)], ids=str)
def test_narrow_forms_err_no_more_than_is_said_of_them(tile: tuple[int, int] | None) -> None:
    direct = conv((1, 4, 14, 14, 16), (64, 64, 3, 3), **BLOCKED)
    workload = narrow(direct if tile is None else winograd(direct, *tile))
    said = ERROR_OF_NARROW[1 if tile is None else max(tile) + 2]
    assert 1e-6 < error_of(workload) <= said


@pytest.mark.parametrize("inner", [64, 4096])
def test_narrow_products_err_no_more_than_is_said_of_them(inner: int) -> None:
    assert 1e-6 < error_of(narrow(matmul((2, inner), (inner, 256)))) <= ERROR_OF_NARROW[1]


@pytest.mark.parametrize("inner", [64, 1000, 4096])
def test_products_in_fixed_point_err_no_more_than_is_said_of_them(inner: int) -> None:
    assert 1e-5 < error_of(fixed(matmul((2, inner), (inner, 256)))) <= ERROR_OF_FIXED


@pytest.mark.parametrize("tile", [(4, 4), (6, 6)], ids=str)
def test_narrow_weights_of_larger_tiles_would_err_more_than_is_allowed(tile: tuple[int, int]) -> None:
    assert error_of(narrow(winograd(conv((1, 4, 14, 14, 16), (64, 64, 3, 3), **BLOCKED), *tile))) > 1e-4


def error_of(workload: Workload) -> float:
    """Of the default schedule, as a share of the largest output."""
    rng = np.random.default_rng(7)
    data, weight = (rng.standard_normal(argument.type.shape).astype(np.float32) for argument in workload.arguments)
    arguments = [np.maximum(data, 0), weight / 24]
    with ThreadPool(1, native_runtime()) as pool:
        kernel = LoadedKernel(compile_kernel(workload, default_schedule(workload, HOST, 1), HOST), pool)
        bound = kernel.prepare(arguments, workload.output_types)
        bound.run()
        (got,), (want,) = bound.outputs(), reference(workload, arguments)
    return float(np.abs(got - want).max() / np.abs(want).max())
