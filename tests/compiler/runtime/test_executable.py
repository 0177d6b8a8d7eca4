"""`Executable`, and exported models: from Python without the compiler, and from C."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import InputError, ModelError, ToolchainError
from compiler.runtime import (
    MODEL_HEADER,
    Executable,
    KernelInfo,
    ModelCode,
    ModelInfo,
    NamedType,
    child_environment,
    find_toolchain,
    link_model,
)
from compiler.runtime.native_runtime import NATIVE_FOLDER
from compiler.tensor_type import INT64, TensorType

HERE = Path(__file__).parent
WEIGHTS = np.array([10, 20, 30, 40, 50, 60], np.float32)
X = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
KERNEL = KernelInfo(
    symbol="multiply", nodes=("scale/Mul",), workload="mul (2,3)", workload_key="00", schedule_source="default", facts=(("spills", 0),)
)
INFO = ModelInfo(
    name="scale",
    target="llvm",
    cpu_features=(),
    threads=1,
    inputs=(NamedType('x "quoted"\n', TensorType((2, 3))),),
    outputs=(NamedType("y", TensorType((2, 3))), NamedType("n", TensorType((), INT64))),
    kernels=(KERNEL,),
    weights_bytes=WEIGHTS.nbytes,
    arena_bytes=64,
)
NAME = INFO.inputs[0].name


def entry_object(folder: Path) -> bytes:
    words = [*find_toolchain().command, "-std=c11", "-O2", "-fPIC", "-c", f"-I{NATIVE_FOLDER}", str(HERE / "scale_entry.c")]
    subprocess.run([*words, "-o", str(folder / "entry.o")], check=True)
    return (folder / "entry.o").read_bytes()


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> ModelCode:
    return ModelCode((entry_object(tmp_path_factory.mktemp("entry")),), WEIGHTS)


@pytest.fixture(scope="module")
def library(code: ModelCode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "scale.so"
    link_model(code, INFO, path)
    assert [item.name for item in path.parent.iterdir()] == ["scale.so"]
    return path


@pytest.fixture(scope="module")
def executable(library: Path) -> Executable:
    return Executable.load(library)


def test_run(executable: Executable) -> None:
    y, threads = executable.run({NAME: X})
    np.testing.assert_array_equal(y, X * WEIGHTS.reshape(2, 3))
    assert (threads.shape, threads.dtype, int(threads)) == ((), INT64, 1)


def test_outputs_are_new_arrays(executable: Executable) -> None:
    first, _ = executable.run({NAME: X})
    second, _ = executable.run({NAME: X + 1})
    np.testing.assert_array_equal(first, X * WEIGHTS.reshape(2, 3))
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize("array", [X.astype(">f4"), np.asfortranarray(X), np.arange(7, dtype=np.float32)[1:].reshape(2, 3)])
def test_arrays_of_any_layout(executable: Executable, array: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> None:
    y, _ = executable.run({NAME: array})
    np.testing.assert_array_equal(y, array * WEIGHTS.reshape(2, 3))


def test_metadata_survives(executable: Executable) -> None:
    assert executable.info == INFO
    assert executable.inputs == INFO.inputs
    assert executable.outputs == INFO.outputs
    assert executable.kernels == (KERNEL,)
    assert executable.threads == 1
    assert repr(executable).endswith("-> 'y' float32[2, 3], 'n' int64[]; 1 kernels, 1 threads>")


def test_threads_may_be_chosen(library: Path) -> None:
    executable = Executable.load(library, threads=3)
    assert int(executable.run({NAME: X})[1]) == 3


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"input 'x \"quoted\"\\n' is missing: float32\[2, 3\] is expected, nothing was given"),
        ({"z": X}, r"unknown input 'z'; 'scale' has 'x \"quoted\"\\n' float32\[2, 3\]"),
        ({NAME: X[:1]}, r"is float32\[1, 3\]: float32\[2, 3\] is expected"),
        ({NAME: X.astype(np.float64)}, r"is float64\[2, 3\]: float32\[2, 3\] is expected"),
    ],
)
def test_wrong_inputs(executable: Executable, inputs: "dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]", message: str) -> None:
    with pytest.raises(InputError, match=message):
        executable.run(inputs)


@pytest.mark.parametrize("models", [1, 3])
def test_several_threads_may_run_several_models(library: Path, models: int) -> None:
    executables = [Executable.load(library, threads=2) for _ in range(models)]
    wrong: list[int] = []

    def call(factor: int) -> None:
        for i in range(300):
            y, _ = executables[(i + factor) % models].run({NAME: X * factor})
            if not np.array_equal(y, X * factor * WEIGHTS.reshape(2, 3)):
                wrong.append(factor)

    callers = [threading.Thread(target=call, args=(factor,)) for factor in range(1, 5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_time_and_profile(executable: Executable) -> None:
    assert all(secs > 0 for secs in executable.time({NAME: X}, repeat=3, number=2))
    assert len(executable.time({NAME: X}, repeat=3, number=2)) == 3
    (kernel,) = executable.profile({NAME: X}, repeat=3)
    assert kernel.kernel == KERNEL
    assert kernel.secs > 0


def test_save_copies_a_loaded_model(executable: Executable, library: Path, tmp_path: Path) -> None:
    executable.save(tmp_path / "copy.so")
    executable.save(library)
    for path in (library, tmp_path / "copy.so"):
        np.testing.assert_array_equal(Executable.load(path).run({NAME: X})[0], X * WEIGHTS.reshape(2, 3))


def test_a_replaced_file_is_loaded_anew(code: ModelCode, tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    link_model(code, INFO, path)
    old = Executable.load(path)
    link_model(replace(code, weights=WEIGHTS * 2), INFO, path)
    np.testing.assert_array_equal(Executable.load(path).run({NAME: X})[0], X * 2 * WEIGHTS.reshape(2, 3))
    np.testing.assert_array_equal(old.run({NAME: X})[0], X * WEIGHTS.reshape(2, 3))


def test_zig_links_the_same(code: ModelCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILEWRIGHT_CC", f"{sys.executable} -m ziglang cc")
    link_model(code, INFO, tmp_path / "model.so")
    link_model(replace(code, weights=WEIGHTS * 2), INFO, tmp_path / "model.so")
    np.testing.assert_array_equal(Executable.load(tmp_path / "model.so").run({NAME: X})[0], X * 2 * WEIGHTS.reshape(2, 3))


LOAD_ELSEWHERE = """
import sys
import numpy as np
from compiler.runtime import Executable
executable = Executable.load(sys.argv[1])
(name,) = (item.name for item in executable.inputs)
print(executable.run({name: np.ones((2, 3), np.float32)})[0].tolist())
print([name for name in ("llvmlite", "onnx", "compiler.lower", "compiler.codegen") if name in sys.modules])
"""


def test_another_process_loads_it_without_the_compiler(library: Path, tmp_path: Path) -> None:
    environment = {**child_environment(sys.path), "TILEWRIGHT_CACHE_DIR": str(tmp_path / "cache"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ELSEWHERE, str(library)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]]\n[]\n", "")
    assert not (tmp_path / "cache").exists()


def test_a_c_program_runs_it(library: Path, tmp_path: Path) -> None:
    program = tmp_path / "use_model"
    words = [*find_toolchain().command, "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{MODEL_HEADER.parent}"]
    subprocess.run([*words, str(HERE / "use_model.c"), str(library), f"-Wl,-rpath,{library.parent}", "-o", str(program)], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=60, check=False)
    products = "10 40 90 160 250 360 on"
    runs = [f"{products} {threads} threads" for threads in (1, 1, 2, 2)]
    assert done.stdout.splitlines() == ['in x "quoted"', " float32 2 3 24", "out y float32", "out n int64", *runs]
    assert done.returncode == 0


def test_the_library_exports_its_interface_only(library: Path) -> None:
    executable = Executable.load(library)
    names = ("tw_pool_create", "tw_parallel_for", "tw_entry_run", "tw_model_weights_data")
    assert [name for name in names if hasattr(executable._native.owner, name)] == []


def test_no_inputs_and_no_weights(tmp_path: Path) -> None:
    source = tmp_path / "constant.c"
    source.write_text(
        '#include "tilewright_runtime.h"\n'
        "int32_t tw_entry_run(void **i, void **o, const uint8_t *w, uint8_t *a, tw_pool *p);\n"
        "int32_t tw_entry_run(void **i, void **o, const uint8_t *w, uint8_t *a, tw_pool *p)"
        " { (void)i; (void)w; (void)a; (void)p; *(float *)o[0] = 3; return 0; }\n"
        "int32_t tw_entry_profile(void) { return 0; }\n"
    )
    words = [*find_toolchain().command, "-fPIC", "-c", f"-I{NATIVE_FOLDER}", str(source), "-o", str(tmp_path / "constant.o")]
    subprocess.run(words, check=True)
    info = replace(INFO, inputs=(), outputs=(NamedType("y", TensorType(())),), weights_bytes=0, arena_bytes=0)
    constant = ModelCode(((tmp_path / "constant.o").read_bytes(),), np.zeros(0, np.uint8))
    link_model(constant, info, tmp_path / "model.so")
    assert float(Executable.load(tmp_path / "model.so").run({})[0]) == 3.0


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        Executable.load(tmp_path / "gone.so")
    (tmp_path / "text.so").write_text("hello")
    with pytest.raises(ModelError, match="not a compiled model for this machine"):
        Executable.load(tmp_path / "text.so")
    (tmp_path / "other.c").write_text("int x;\n")
    find_toolchain().link_shared((tmp_path / "other.c",), tmp_path / "other.so")
    with pytest.raises(ModelError, match="not a compiled model for this machine"):
        Executable.load(tmp_path / "other.so")


def test_a_cpu_that_lacks_something(code: ModelCode, tmp_path: Path) -> None:
    link_model(code, replace(INFO, cpu_features=("avx1024f",)), tmp_path / "model.so")
    with pytest.raises(ModelError, match="needs a cpu with avx1024f, which this one lacks"):
        Executable.load(tmp_path / "model.so")


def test_a_folder_that_is_not_there(code: ModelCode, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"cannot write .*gone/model.so: No such file"):
        link_model(code, INFO, tmp_path / "gone" / "model.so")


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere; run the tests as another user")
def test_a_folder_that_cannot_be_written(code: ModelCode, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ToolchainError, match="cannot write"):
        link_model(code, INFO, tmp_path / "model.so")
