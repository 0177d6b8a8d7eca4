"""Single kernels: compiled here or by child processes, loaded, run, timed."""

from pathlib import Path

import numpy as np
import pytest

from compiler.codegen import Artifact
from compiler.driver import KernelRequest, LoadedKernel, ObjectCache, compile_kernel, compile_kernels
from compiler.driver.compile_kernels import _Worker
from compiler.errors import CodegenError, ScheduleError
from compiler.runtime import ThreadPool, native_runtime
from compiler.schedule import Schedule, Split
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload

HOST = Target.parse("host")


def relu_workload(extent: int) -> Workload:
    return Workload((Argument(TensorType((extent,))),), (GroupOp("relu", (("arg", 0),)),))


def add_workload(extent: int) -> Workload:
    arguments = (Argument(TensorType((2, extent))), Argument(TensorType((extent,)), constant=True))
    return Workload(arguments, (GroupOp("add", (("arg", 0), ("arg", 1))),))


def test_a_loaded_kernel_runs_on_arrays() -> None:
    workload = add_workload(5)
    with ThreadPool(1, native_runtime()) as pool:
        kernel = LoadedKernel(compile_kernel(workload, Schedule(), HOST), pool)
        x, bias = np.arange(10, dtype=np.float32).reshape(2, 5), np.arange(5, dtype=np.float32)
        bound = kernel.prepare([x, bias], workload.output_types)
        bound.run()
        np.testing.assert_array_equal(bound.outputs()[0], x + bias)
        assert bound.time(10) > 0
        other = kernel.prepare([x * 2, bias])
        other.run()
        np.testing.assert_array_equal(other.outputs()[0], (x * 2 + bias).reshape(-1))
        np.testing.assert_array_equal(bound.outputs()[0], x + bias)


def test_arguments_of_the_wrong_type() -> None:
    with ThreadPool(1, native_runtime()) as pool:
        kernel = LoadedKernel(compile_kernel(relu_workload(5), Schedule(), HOST), pool)
        with pytest.raises(ValueError, match="argument 0 is missing: 0 were given"):
            kernel.prepare([])
        with pytest.raises(ValueError, match=r"argument 0 is float32\[4\], not float32 with 5 elements"):
            kernel.prepare([np.zeros(4, np.float32)])


def test_a_kernel_comes_from_the_cache(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path)
    first = compile_kernel(relu_workload(6), Schedule(), HOST, cache)
    assert compile_kernel(relu_workload(6), Schedule(), HOST, cache) == first


def test_workers_compile_what_this_process_does() -> None:
    requests = [KernelRequest(relu_workload(extent), Schedule()) for extent in range(1, 14)]
    there = compile_kernels(requests, HOST, None, workers=2)
    here = compile_kernels(requests, HOST, None, workers=1)
    assert [result.symbol for result in there if isinstance(result, Artifact)] == [
        result.symbol for result in here if isinstance(result, Artifact)
    ]
    assert len(there) == 13


def test_errors_come_back_in_their_class() -> None:
    impossible = KernelRequest(relu_workload(3), Schedule((Split("no_such_loop", (4,)),)))
    (here,) = compile_kernels([impossible], HOST, None, workers=1)
    worker = _Worker()
    there = worker.compile(impossible, HOST)
    worker.close()
    assert isinstance(here, ScheduleError)
    assert isinstance(there, ScheduleError)
    assert str(there) == str(here)


def test_a_worker_that_dies_costs_one_kernel() -> None:
    worker = _Worker()
    worker._process.kill()
    lost = worker.compile(KernelRequest(relu_workload(3), Schedule()), HOST)
    found = worker.compile(KernelRequest(relu_workload(3), Schedule()), HOST)
    worker.close()
    assert isinstance(lost, CodegenError)
    assert str(lost).startswith("the compiler died with exit code -9 on relu (3,) -> (3,)")
    assert isinstance(found, Artifact)
