"""Finding the C compiler, and its words when it fails."""

import ctypes
import shutil
import sys
from pathlib import Path

import pytest

from compiler.errors import ToolchainError
from compiler.runtime import Toolchain, find_toolchain, read_environment

SOURCE = 'int tw_answer(void); __attribute__((visibility("default"))) int tw_answer(void) { return 42; }\n'


def test_the_system_compiler_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TILEWRIGHT_CC", raising=False)
    system = shutil.which("cc")
    expected = (system,) if system else ("cc",)
    assert find_toolchain().command[-len(expected) :] == expected


def test_zig_serves_where_there_is_no_system_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TILEWRIGHT_CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    toolchain = find_toolchain()
    assert Path(toolchain.command[0]).name == "zig"
    assert answer(toolchain, tmp_path) == 42


def test_foreign_triples_are_handed_to_zig() -> None:
    assert find_toolchain("aarch64-linux-gnu").command[1:] == ("cc", "-target", "aarch64-linux-gnu.2.28")


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TILEWRIGHT_CC", f"'{sys.executable}' -m ziglang cc")
    toolchain = find_toolchain()
    assert toolchain.command == (sys.executable, "-m", "ziglang", "cc")
    assert answer(toolchain, tmp_path) == 42


def answer(toolchain: Toolchain, folder: Path) -> int:
    (folder / "answer.c").write_text(SOURCE)
    toolchain.link_shared((folder / "answer.c",), folder / "answer.so")
    return int(ctypes.CDLL(str(folder / "answer.so")).tw_answer())


def test_an_unknown_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILEWRIGHT_CC", "no-such-compiler --fast")
    with pytest.raises(ToolchainError, match="TILEWRIGHT_CC names 'no-such-compiler'"):
        find_toolchain()


def test_a_failure_carries_the_compilers_message(tmp_path: Path) -> None:
    (tmp_path / "broken.c").write_text("int f(void) { return undeclared_name; }\n")
    with pytest.raises(ToolchainError, match=r"(?s)exit code 1 on broken.so: .*undeclared_name"):
        find_toolchain().link_shared((tmp_path / "broken.c",), tmp_path / "broken.so")


def test_a_compiler_that_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="cannot start"):
        Toolchain((str(tmp_path / "gone"),)).link_shared((), tmp_path / "x.so")


def test_cache_folder_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TILEWRIGHT_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert read_environment().cache_folder == tmp_path / "tilewright"
    monkeypatch.setenv("TILEWRIGHT_CACHE_DIR", str(tmp_path / "mine"))
    assert read_environment().cache_folder == tmp_path / "mine"
