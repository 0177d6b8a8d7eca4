"""Standalone models: built from what was written, here and under qemu, they compute what the compiled model computes in this process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import tilewright as tw
from compiler.errors import ModelError
from compiler.runtime import MODEL_HEADER, find_toolchain
from compiler.target import Target
from tests.conformance.emulator import Emulator, emulator_or_skip
from tests.models.real_models import LIGHT_FOLDER, with_seeded_weights
from tests.tilewright.conftest import Command
from tests.tilewright.models import example_input

MOST_BYTES = 100_000
TOLERANCE = 1e-4  # of the largest output
LOADERS = {"ld-linux-armhf.so.3", "ld-linux-aarch64.so.1", "ld-linux-riscv64-lp64d.so.1", "ld-linux-x86-64.so.2"}
LIBRARIES = {"libc.so.6", "libpthread.so.0", "libm.so.6", *LOADERS}
FOREIGN = [pytest.param(name, marks=pytest.mark.needs_qemu) for name in ("pi3b-64", "pi3b-32", "riscv64")]
MACHINES = ["host", *FOREIGN]
FILES = ["Makefile", "README.md", "libmodel.a", "main.c", "model.json", "tilewright_model.h", "weights.bin"]


def built(folder: Path) -> Path:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the python3 that has ziglang
    subprocess.run(["make", "-s", "-C", str(folder)], check=True, env={**os.environ, "PATH": path})
    return folder / "model"


def needed_libraries(program: Path) -> set[str]:
    """From the dynamic section, which binutils' readelf prints for every machine."""
    done = subprocess.run(["readelf", "-d", str(program)], capture_output=True, text=True, check=True)
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout))


def run_model(machine: Emulator, folder: Path, x: NDArray[np.float32], *options: str) -> NDArray[np.float32]:
    x.tofile(folder / "x.raw")
    done = machine.run([folder / "model", "-w", folder / "weights.bin", "-o", folder / "y", *options, folder / "x.raw"])
    assert (done.returncode, done.stderr) == (0, "")
    return np.fromfile(folder / "y0.raw", np.float32)


@pytest.mark.parametrize("name", MACHINES)
def test_a_small_model(name: str, command: Command, classifier: Path, tmp_path: Path) -> None:
    machine = emulator_or_skip(Target.parse(name))
    folder = tmp_path / "out of the way"
    done = command("compile", classifier, "--standalone", folder, "--target", name, "--threads", 2)
    assert (done.code, done.err) == (0, "")
    assert sorted(item.name for item in folder.iterdir()) == FILES
    assert (folder / "tilewright_model.h").read_bytes() == MODEL_HEADER.read_bytes()
    program = built(folder)
    assert needed_libraries(program) <= LIBRARIES
    (expected,) = tw.compile(tw.load(classifier), threads=1).run({"x": example_input()})
    for threads in ("1", "3"):
        got = run_model(machine, folder, example_input(), "-t", threads)
        np.testing.assert_allclose(got, expected.reshape(-1), rtol=0, atol=TOLERANCE * np.abs(expected).max())
    timed = machine.run([program, "-w", folder / "weights.bin", "-n", "3"])
    assert re.search(r"^y float32\[1, 10\]( \S+){8} \.\.\.$", timed.stdout, re.MULTILINE)
    assert "the fastest of 3 runs" in timed.stdout


@pytest.mark.parametrize("name", MACHINES)
def test_squeezenet_in_a_hundred_kilobytes(name: str, command: Command, tmp_path: Path) -> None:
    machine = emulator_or_skip(Target.parse(name))
    onnx.save(with_seeded_weights(onnx.load(LIGHT_FOLDER / "light_squeezenet.onnx")), tmp_path / "squeezenet.onnx")
    done = command("compile", tmp_path / "squeezenet.onnx", "--standalone", tmp_path / "model", "--target", name)
    sizes = {key: int(count.replace(",", "")) for key, count in re.findall(r"^  (\S.*?)  +([\d,]+) bytes$", done.out, re.MULTILINE)}
    program = built(tmp_path / "model")
    assert sizes["stripped program"] <= MOST_BYTES
    assert abs(program.stat().st_size - sizes["stripped program"]) <= 64, "what is printed is what is built"
    assert sizes["code and constants"] == sum(sizes[part] for part in ("kernels", "calls between them", "runtime", "program"))
    assert (tmp_path / "model" / "weights.bin").stat().st_size == sizes["weights.bin"] > 4_000_000

    model = tw.load(tmp_path / "squeezenet.onnx")
    (expected,) = (executable := tw.compile(model, threads=2)).run({executable.inputs[0].name: _picture()})
    assert np.ptp(expected) > 1e-3, "the model tells its inputs apart"
    got = run_model(machine, tmp_path / "model", _picture(), "-t", "2")
    np.testing.assert_allclose(got, expected.reshape(-1), rtol=0, atol=TOLERANCE * np.abs(expected).max())


def _picture() -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(-1, 1, (1, 3, 224, 224)).astype(np.float32)


def test_what_the_program_refuses(command: Command, classifier: Path, tmp_path: Path) -> None:
    command("compile", classifier, "--standalone", tmp_path, "--threads", 1)
    program, here = built(tmp_path), Emulator(())
    other = bytearray((tmp_path / "weights.bin").read_bytes())
    other[-40] ^= 1
    (tmp_path / "other.bin").write_bytes(other)
    (tmp_path / "short.raw").write_bytes(bytes(8))
    for words, complaint in (
        (["-w", tmp_path / "none.bin"], "none.bin: cannot be read, or made for another model: name it with -w"),
        (["-w", tmp_path / "other.bin"], "other.bin: cannot be read, or made for another model: name it with -w"),
        (["-w", tmp_path / "weights.bin", tmp_path / "short.raw"], "not the 3072 bytes of input x (float32)"),
        (["a.raw", "b.raw"], "2 input files given, the model has 1 inputs"),
        (["-t", "0"], "usage: "),
    ):
        done = here.run([program, *words])
        assert done.returncode in (1, 2)
        assert (complaint in done.stderr, done.stderr.count("\n"), done.stdout) == (True, 1, ""), done.stderr


def test_a_loaded_library_has_no_parts(command: Command, classifier: Path, tmp_path: Path) -> None:
    command("compile", classifier, "-o", tmp_path / "model.so", "--threads", 1)
    with pytest.raises(ModelError, match="compile the model to write them"):
        tw.Executable.load(tmp_path / "model.so").save_standalone(tmp_path / "folder")


def test_something_must_be_asked_for(command: Command, classifier: Path) -> None:
    assert "give -o FILE.so, --standalone DIR, or both" in command("compile", classifier).complaint


@pytest.mark.needs_qemu
@pytest.mark.parametrize("name", ["pi3b-64", "pi3b-32", "riscv64"])
def test_a_library_for_another_machine(name: str, command: Command, classifier: Path, tmp_path: Path) -> None:
    """Floats pass between the program and libm in vector registers: a soft-float object would not link, or compute nonsense."""
    target = Target.parse(name)
    machine = emulator_or_skip(target)
    done = command("compile", classifier, "--target", name, "-o", tmp_path / "model.so", "--threads", 2)
    assert (done.code, done.err) == (0, "")
    source = tmp_path / "main.c"
    source.write_text(
        '#include "tilewright_model.h"\n#include <stdio.h>\n'
        "int main(void) {\n    static float x[768], y[10];\n    const void *in[] = {x};\n    void *out[] = {y};\n"
        "    for (int i = 0; i < 768; i++) x[i] = (float)(i % 7) - 3;\n    if (tw_model_run(in, out)) return 1;\n"
        '    for (int i = 0; i < 10; i++) printf("%.9g\\n", y[i]);\n    return 0;\n}\n'
    )
    words = [f"-I{MODEL_HEADER.parent}", "-Os", str(source), str(tmp_path / "model.so"), f"-Wl,-rpath,{tmp_path}"]
    find_toolchain(target.triple).link_program(words, tmp_path / "main")
    ran = machine.run([tmp_path / "main"])
    assert (ran.returncode, ran.stderr) == (0, "")
    x = (np.arange(768, dtype=np.float32) % 7 - 3).reshape(1, 3, 16, 16)
    (expected,) = tw.compile(tw.load(classifier), threads=1).run({"x": x})
    np.testing.assert_allclose(np.array(ran.stdout.split(), np.float32), expected.reshape(-1), rtol=1e-4, atol=1e-4)
