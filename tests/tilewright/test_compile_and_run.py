"""`tilewright compile` writes a library that `tilewright run` runs over arrays in files."""

from pathlib import Path

import numpy as np

import tilewright as tw
from tests.tilewright.conftest import Command
from tests.tilewright.models import example_input
from tilewright.array_files import read_arrays, write_arrays


def test_compiled_from_records_and_run(command: Command, tmp_path: Path, classifier: Path, tuned_url: str) -> None:
    library, inputs, outputs = tmp_path / "model.so", tmp_path / "x.npz", tmp_path / "y.npz"
    compiled = command("compile", classifier, "--db", tuned_url, "-o", library, "--threads", 1)
    assert (compiled.code, compiled.err) == (0, "")
    assert compiled.out.startswith(f"{library}: ")
    assert compiled.out.endswith("MB, 1 thread, 3 kernel calls, 3 from records, 0 by default\n")

    np.savez(inputs, x=example_input())
    ran = command("run", library, "--inputs", inputs, "--outputs", outputs, "--print-time", "--threads", 2)
    assert (ran.code, ran.err) == (0, "")
    assert "ms, the median of 20 runs (" in ran.out
    assert ran.out.endswith(", 2 threads\n")
    (expected,) = tw.compile(tw.load(classifier), threads=1).run({"x": example_input()})
    with np.load(outputs) as file:
        assert file.files == ["y"]
        np.testing.assert_allclose(file["y"], expected, rtol=1e-4, atol=1e-5)


def test_outputs_are_described_where_no_file_is_asked_for(command: Command, tmp_path: Path, classifier: Path) -> None:
    library = tmp_path / "model.so"
    compiled = command("compile", classifier, "-o", library, "--threads", 1)
    assert compiled.out.endswith("3 kernel calls, 0 from records, 3 by default\n")
    np.savez(tmp_path / "x.npz", x=example_input())
    ran = command("run", library, "--inputs", tmp_path / "x.npz")
    assert ran.out.startswith("y: float32[1, 10], minimum ")
    assert ran.out.count("\n") == 1


def test_arrays_keep_any_name(tmp_path: Path) -> None:
    arrays = {"file": np.arange(3), "scope/x:0": np.zeros((2, 0), np.float32), "": np.ones(())}
    write_arrays(tmp_path / "a.npz", arrays)
    found = read_arrays(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
