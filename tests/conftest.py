"""What all tests share: fixed hypothesis examples, a cache folder of their own, golden texts, a turn for candidates of a fleet."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("tests", derandomize=True, deadline=None, database=None, print_blob=False)
settings.load_profile("tests")

CACHE_VARIABLE = "TILEWRIGHT_CACHE_DIR"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing with them")


def pytest_configure(config: pytest.Config) -> None:
    """A fresh cache folder for the session, shared by xdist's workers, which inherit the environment."""
    if CACHE_VARIABLE in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="tilewright-tests-")
    os.environ[CACHE_VARIABLE] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    config.add_cleanup(lambda: os.environ.pop(CACHE_VARIABLE, None))


@pytest.fixture
def lone_candidates() -> Iterator[None]:
    """Tests in which daemons run candidates take turns, in all processes: what a user may start is limited by what runs under that user."""
    with open(Path(tempfile.gettempdir(), f"tilewright-candidates-{os.getuid()}.lock"), "w", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("name.txt", text)` compares with tests/.../golden/name.txt beside the test; --update-golden writes it."""
    folder = Path(request.path).parent / "golden"

    def check(name: str, text: str) -> None:
        file = folder / name
        if request.config.getoption("--update-golden"):
            folder.mkdir(exist_ok=True)
            file.write_text(text + "\n")
        assert file.is_file(), f"{file} is missing: run pytest --update-golden {request.node.nodeid}"
        assert text + "\n" == file.read_text(), f"differs from {file}: check the change, then run pytest --update-golden"

    return check
