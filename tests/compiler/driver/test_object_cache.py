"""The cache of compiled kernels: keys, damage, bounds."""

import os
from pathlib import Path

import numpy as np
import pytest

from compiler.codegen import Artifact
from compiler.driver import ObjectCache, kernel_key
from compiler.lower import Param, ParamRole
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.te import Buffer
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload

KEY = "ab" + "0" * 62


def make_artifact(size: int = 100) -> Artifact:
    param = Param(Buffer("x", (4,), np.dtype(np.float32)), ParamRole.ARGUMENT, 0)
    return Artifact(object_code=bytes(range(256)) * (size // 256 + 1), symbol="f", params=(param,), facts=(("spills", 3),))


def make_workload(extent: int) -> Workload:
    return Workload((Argument(TensorType((extent,))),), (GroupOp("relu", (("arg", 0),)),))


def test_what_is_put_is_got(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path / "new" / "folder")
    assert cache.get(KEY) is None
    cache.put(KEY, make_artifact())
    assert cache.get(KEY) == make_artifact()
    assert ObjectCache(tmp_path / "new" / "folder").get(KEY) == make_artifact()


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_entry_counts_as_absent(tmp_path: Path, damage: bytes | None) -> None:
    cache = ObjectCache(tmp_path)
    cache.put(KEY, make_artifact())
    (path,) = tmp_path.glob("*/*")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if damage is None else damage)
    assert cache.get(KEY) is None
    cache.put(KEY, make_artifact())
    assert cache.get(KEY) == make_artifact()


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = ObjectCache(tmp_path / "file" / "cache")
    cache.put(KEY, make_artifact())
    assert cache.get(KEY) is None


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    keys = [f"{position:02x}" + "0" * 62 for position in range(8)]
    size = len(make_artifact(10_000).to_bytes()) + 32
    cache = ObjectCache(tmp_path, max_bytes=size * 5)
    for position, key in enumerate(keys[:5]):
        cache.put(key, make_artifact(10_000))
        os.utime(cache._path(key), (position, position))
    assert cache.get(keys[0]) is not None  # used now, so the newest
    for key in keys[5:]:
        cache.put(key, make_artifact(10_000))
    kept = [key for key in keys if cache.get(key) is not None]
    assert keys[0] in kept
    assert keys[7] in kept
    assert keys[1] not in kept
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= cache.max_bytes


def test_the_key_depends_on_what_the_code_depends_on() -> None:
    target, wider = Target.parse("x86-64-v3"), Target.parse("x86-64-v4")
    workload = make_workload(8)
    keys = {
        kernel_key(workload, Schedule(), target),
        kernel_key(make_workload(9), Schedule(), target),
        kernel_key(workload, Schedule(), wider),
    }
    assert len(keys) == 3
    assert kernel_key(make_workload(8), Schedule(), Target.parse("x86-64-v3")) in keys


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TILEWRIGHT_CACHE_DIR", str(tmp_path))
    assert ObjectCache().folder == tmp_path / "objects"
