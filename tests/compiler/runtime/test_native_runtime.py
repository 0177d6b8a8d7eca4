"""The runtime library: built once, by any number of processes, and usable where nothing can be stored."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.runtime import build_runtime_library, child_environment, find_toolchain

USE_POOL = "from compiler.runtime import ThreadPool, native_runtime; print(ThreadPool(2, native_runtime()).address is not None)"


def run_python(code: str, cache_folder: Path) -> "subprocess.Popen[str]":
    environment = {**child_environment(sys.path), "TILEWRIGHT_CACHE_DIR": str(cache_folder)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_may_race(tmp_path: Path) -> None:
    processes = [run_python(USE_POOL, tmp_path) for _ in range(4)]
    answers = [process.communicate(timeout=60) for process in processes]
    assert answers == [("True\n", "")] * 4
    assert [path.suffix for path in tmp_path.iterdir()] == [".so"]


def test_a_second_build_finds_the_first(tmp_path: Path) -> None:
    library = build_runtime_library(find_toolchain(), tmp_path)
    before = library.stat().st_mtime_ns
    assert build_runtime_library(find_toolchain(), tmp_path) == library
    assert library.stat().st_mtime_ns == before


def test_a_cache_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run_python(USE_POOL, tmp_path / "file" / "cache").communicate(timeout=60) == ("True\n", "")


@pytest.mark.skipif(os.environ.get("TILEWRIGHT_CC") is not None, reason="the cached library is the default compiler's; unset TILEWRIGHT_CC")
def test_a_damaged_library_is_replaced_for_the_process(tmp_path: Path) -> None:
    build_runtime_library(find_toolchain(), tmp_path).write_bytes(b"not a library")
    assert run_python(USE_POOL, tmp_path).communicate(timeout=60) == ("True\n", "")
