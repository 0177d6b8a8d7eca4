"""Whole models: compiled here and run, saved and loaded elsewhere, with schedules from a source and without."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler.driver import NoSchedules, ObjectCache, ScheduleChoice, compile_model
from compiler.driver.host_check import linux_features, runs_here
from compiler.errors import CodegenError, TargetError
from compiler.graph import Graph, GraphBuilder, evaluate
from compiler.ops import Array
from compiler.runtime import Executable, align_up, child_environment
from compiler.schedule import CacheRead, Fuse, Parallel, Schedule, Split, Step
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Workload

HOST = Target.parse("host")
IMPOSSIBLE = Split("no_such_loop", (4,))
PACKED_AND_PARALLEL = (
    CacheRead("arg1", "conv2d", "arg1.packed", ((0, 2),), (1, 2, 3, 0, 4)),
    Fuse(("conv2d.n", "conv2d.oc"), "conv2d.f"),
    Parallel("conv2d.f"),
)


def naive_schedule(_workload: Workload, _target: Target, _threads: int) -> Schedule:
    return Schedule()


def compile_naive(graph: Graph, *, target: Target = HOST, threads: int = 1, cache: ObjectCache | None = None) -> Executable:
    return compile_model(graph, target, NoSchedules(), device=None, default_schedule=naive_schedule, threads=threads, cache=cache)


def check_outputs(executable: Executable, graph: Graph, inputs: dict[str, Array]) -> None:
    for got, want in zip(executable.run(inputs), evaluate(graph, inputs), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


class FixedSource:
    """The same choice for every workload of an operator."""

    def __init__(self, op: str, steps: tuple[Step, ...]) -> None:
        self.op = op
        self.choice = ScheduleChoice(Schedule(steps), "record 17, same device", 1.5e-6)
        self.asked: list[tuple[Workload, str]] = []

    def best_schedule(self, workload: Workload, target: Target, device: str) -> ScheduleChoice | None:
        assert target.cores == 2
        self.asked.append((workload, device))
        return self.choice if any(op.op == self.op for op in workload.ops) else None


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_computes_what_its_graph_says(small_model: Graph, small_inputs: dict[str, Array], threads: int) -> None:
    executable = compile_naive(small_model, threads=threads)
    check_outputs(executable, small_model, small_inputs)
    check_outputs(executable, small_model, {"x": small_inputs["x"] * 3})
    assert [item.name for item in executable.inputs] == ["x"]
    assert [str(item.type) for item in executable.outputs] == ["float32[1, 4]", "float32[1, 3, 6, 6]"]
    assert executable.threads == threads


def test_every_kernel_says_where_it_comes_from(small_model: Graph) -> None:
    executable = compile_naive(small_model)
    assert {kernel.schedule_source for kernel in executable.kernels} == {"default"}
    assert all(len(kernel.workload_key) == 64 and kernel.nodes and kernel.expected_secs is None for kernel in executable.kernels)
    times = executable.profile({"x": np.ones((1, 3, 6, 6), np.float32)}, repeat=2)
    assert [item.kernel for item in times] == list(executable.kernels)
    assert all(item.secs > 0 for item in times)


def test_equal_kernels_share_code_and_constants(small_model: Graph) -> None:
    executable = compile_naive(small_model)
    convolutions = [kernel for kernel in executable.kernels if "conv2d" in kernel.workload]
    assert len(convolutions) == 2
    assert len({kernel.symbol for kernel in convolutions}) == 1
    assert executable.info.weights_bytes < 2 * sum(array.nbytes for array in small_model.constants.values())


def test_a_source_of_schedules_is_asked_once_per_workload(small_model: Graph, small_inputs: dict[str, Array]) -> None:
    source = FixedSource("conv2d", ())
    executable = compile_model(small_model, HOST, source, device="this one", default_schedule=naive_schedule, threads=2, cache=None)
    workloads = [workload for workload, _ in source.asked]
    assert len(workloads) == len(set(workloads))
    assert {device for _, device in source.asked} == {"this one"}
    sources = {("conv2d" in kernel.workload, kernel.schedule_source, kernel.expected_secs) for kernel in executable.kernels}
    assert (True, "record 17, same device", 1.5e-6) in sources
    assert all(expected is None for is_conv, _, expected in sources if not is_conv)
    check_outputs(executable, small_model, small_inputs)


def test_packed_weights_and_parallel_loops(small_model: Graph, small_inputs: dict[str, Array], tmp_path: Path) -> None:
    """Both convolutions pack the same weight by the same kernel: the model holds the result once."""
    source = FixedSource("conv2d", PACKED_AND_PARALLEL)
    executable = compile_model(small_model, HOST, source, device="", default_schedule=naive_schedule, threads=2, cache=None)
    assert "default" not in {kernel.schedule_source for kernel in executable.kernels if "conv2d" in kernel.workload}
    packed, matrix, bias = 2 * 27 * 2 * 4, 108 * 4 * 4, 4 * 4
    assert executable.info.weights_bytes == align_up(packed) + align_up(matrix) + align_up(bias)
    executable.save(tmp_path / "model.so")
    for _ in range(50):
        check_outputs(executable, small_model, small_inputs)
    check_outputs(Executable.load(tmp_path / "model.so", threads=3), small_model, small_inputs)


def test_a_schedule_that_does_not_fit_is_replaced(small_model: Graph, small_inputs: dict[str, Array]) -> None:
    source = FixedSource("matmul", (IMPOSSIBLE,))
    executable = compile_model(small_model, HOST, source, device="", default_schedule=naive_schedule, threads=2, cache=None)
    (matmul,) = [kernel for kernel in executable.kernels if "matmul" in kernel.workload]
    assert matmul.schedule_source.startswith("default, since record 17, same device failed: ")
    assert matmul.expected_secs is None
    check_outputs(executable, small_model, small_inputs)


def test_a_default_that_does_not_fit_is_an_error(small_model: Graph) -> None:
    def impossible(_workload: Workload, _target: Target, _threads: int) -> Schedule:
        return Schedule((IMPOSSIBLE,))

    with pytest.raises(CodegenError, match=r"cannot compile .*no_such_loop"):
        compile_model(small_model, HOST, NoSchedules(), device=None, default_schedule=impossible, threads=1, cache=None)


def test_the_second_time_comes_from_the_cache(small_model: Graph, small_inputs: dict[str, Array], tmp_path: Path) -> None:
    compile_naive(small_model, cache=ObjectCache(tmp_path))
    entries = {path: path.stat().st_ino for path in tmp_path.glob("*/*")}
    assert entries
    check_outputs(compile_naive(small_model, cache=ObjectCache(tmp_path)), small_model, small_inputs)
    assert {path: path.stat().st_ino for path in tmp_path.glob("*/*")} == entries
    for path in entries:
        path.write_bytes(b"damaged")
    check_outputs(compile_naive(small_model, cache=ObjectCache(tmp_path)), small_model, small_inputs)


LOAD_ELSEWHERE = """
import sys
import numpy as np
from compiler.runtime import Executable
executable = Executable.load(sys.argv[1])
np.savez(sys.argv[3], *executable.run(dict(np.load(sys.argv[2]))))
print([name for name in ("llvmlite", "onnx", "compiler.lower", "compiler.codegen") if name in sys.modules])
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_saved_model_runs_in_another_process(small_model: Graph, small_inputs: dict[str, Array], tmp_path: Path, threads: int) -> None:
    executable = compile_naive(small_model, threads=threads)
    executable.save(tmp_path / "model.so")
    np.savez(tmp_path / "x.npz", **small_inputs)
    words = [sys.executable, "-c", LOAD_ELSEWHERE, *(str(tmp_path / name) for name in ("model.so", "x.npz", "y.npz"))]
    done = subprocess.run(words, env=child_environment(sys.path), capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
    with np.load(tmp_path / "y.npz") as outputs:
        for got, want in zip((outputs[name] for name in outputs.files), executable.run(small_inputs), strict=True):
            np.testing.assert_array_equal(got, want)
    assert Executable.load(tmp_path / "model.so").info == executable.info


def test_outputs_without_a_kernel() -> None:
    """An output that is an input, a view of one, a constant, or another output."""
    builder = GraphBuilder("pass through")
    x = builder.input("x", TensorType((2, 3)))
    constant = builder.constant(np.arange(4, dtype=np.float32))
    graph = builder.graph([x, builder.apply("reshape", [x], {"shape": (6,)}), constant, constant])
    check_outputs(compile_naive(graph), graph, {"x": np.arange(6, dtype=np.float32).reshape(2, 3)})


def test_a_target_that_this_machine_cannot_run(small_model: Graph, small_inputs: dict[str, Array], tmp_path: Path) -> None:
    foreign = Target.parse("pi3b" if HOST.arch != "aarch64" else "x86-64-v3")
    assert not runs_here(foreign)
    source = FixedSource("conv2d", PACKED_AND_PARALLEL)
    executable, native = (
        compile_model(small_model, target, source, device="", default_schedule=naive_schedule, threads=2, cache=None)
        for target in (foreign, HOST)
    )
    with pytest.raises(TargetError, match="cannot run on this machine"):
        executable.run(small_inputs)
    executable.save(tmp_path / "model.so")
    native.save(tmp_path / "native.so")
    content = (tmp_path / "model.so").read_bytes()
    assert int.from_bytes(content[18:20], "little") == {"aarch64": 183, "x86_64": 62}[foreign.arch]
    packed = np.zeros((27, 2, 2), np.float32)
    packed.reshape(27, 4)[:, :3] = small_model.constants["weight"].reshape(3, 27).T
    for library in (content, (tmp_path / "native.so").read_bytes()):
        assert packed.tobytes() in library


def test_what_runs_here() -> None:
    assert runs_here(HOST)
    assert runs_here(replace(HOST, cores=HOST.cores + 1))
    if HOST.arch == "x86_64" and os.path.exists("/proc/cpuinfo"):
        flags = Path("/proc/cpuinfo").read_text().split()
        assert [feature for feature in linux_features(HOST) if feature not in flags] == []
