"""The command in this process, a small model, and a database in which that model has been tuned."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tilewright as tw
from tests.tilewright.models import save_classifier
from tilewright.cli import main

TRIALS = 6


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error with which bad input is refused."""
        assert (self.code, self.out) == (2, "")
        assert self.err.startswith("tilewright: ")
        assert self.err.count("\n") == 1
        return self.err.strip()


Command = Callable[..., Outcome]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("tune", path, "--trials", 6)` runs the command line and gives what it printed."""

    def run(*words: Any) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Outcome(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("model") / "classifier.onnx")


@pytest.fixture(scope="session")
def tuned_url(tmp_path_factory: pytest.TempPathFactory, classifier: Path) -> str:
    """A database with one session for one thread; for tests that only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('records') / 'tuned.db'}"
    with tw.Database(url) as database:
        tw.tune(tw.load(classifier), target="host", database=database, trials=TRIALS, threads=1, tuner="random")
    return url


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tw.Database]:
    with tw.Database(f"sqlite:///{tmp_path / 'own.db'}") as opened:
        yield opened
