"""Pools whose children run the jobs of `planted/planted_jobs.py`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from measure.child_pool import ChildPool
from measure.child_server import ServerSettings

PLANTED = Path(__file__).parent / "planted"
MakePool = Callable[..., ChildPool]


@pytest.fixture
def make_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePool]:
    monkeypatch.syspath_prepend(str(PLANTED))
    pools: list[ChildPool] = []

    def make(**settings: object) -> ChildPool:
        pools.append(ChildPool(ServerSettings(module="planted_jobs", **settings)))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()
