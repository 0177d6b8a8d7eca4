"""What peers that read no ONNX are fed with: the cache of converted models, and a standard output that stays clean."""

import ctypes
import os
from pathlib import Path

import onnx
import pytest

from tilewright.peers.converted_model import ONNX_FILE, converted_model
from tilewright.peers.quiet_stdout import quiet_stdout


def named(name: str) -> onnx.ModelProto:
    return onnx.ModelProto(producer_name=name)


def test_a_model_is_converted_once(tmp_path: Path) -> None:
    calls: list[str] = []

    def convert(folder: Path) -> None:
        calls.append(onnx.load(folder / ONNX_FILE).producer_name)
        (folder / "model.bin").write_text(calls[-1])
        (folder / "byproduct").write_text("not kept")

    folders = [
        converted_model(named(name), converter, convert, ["model.bin"], tmp_path)
        for name, converter in (("a", "pnnx 1"), ("a", "pnnx 1"), ("b", "pnnx 1"), ("a", "pnnx 2"))
    ]
    assert calls == ["a", "b", "a"]
    assert folders[0] == folders[1]
    assert len(set(folders)) == 3
    assert [file.name for file in folders[0].iterdir()] == ["model.bin"]
    assert (folders[2] / "model.bin").read_text() == "b"
    assert sorted(tmp_path.iterdir()) == sorted(set(folders))


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def convert(folder: Path) -> None:
        raise RuntimeError(f"no conversion in {folder}")

    with pytest.raises(RuntimeError, match="no conversion"):
        converted_model(named("a"), "pnnx 1", convert, ["model.bin"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_race_for_the_same_model_has_two_winners(tmp_path: Path) -> None:
    def convert(folder: Path) -> None:
        (folder / "model.bin").write_text("inner")

    def overtaken(folder: Path) -> None:
        converted_model(named("a"), "pnnx 1", convert, ["model.bin"], tmp_path)
        (folder / "model.bin").write_text("outer")

    folder = converted_model(named("a"), "pnnx 1", overtaken, ["model.bin"], tmp_path)
    assert (folder / "model.bin").read_text() == "inner"


def test_native_output_is_dropped_and_what_follows_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    libc = ctypes.CDLL(None)
    with quiet_stdout():
        libc.printf(b"greeting in the buffer of stdio")
        os.write(1, b"greeting")
    os.write(1, b"report")
    libc.fflush(None)
    assert capfd.readouterr().out == "report"
    with pytest.raises(ValueError, match="broken"), quiet_stdout():
        raise ValueError("broken")
    os.write(1, b"still here")
    assert capfd.readouterr().out == "still here"
