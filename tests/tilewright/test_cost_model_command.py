"""`tilewright cost-model`, and what `tilewright tune` does with its files."""

import json
from pathlib import Path

import numpy as np
import pytest

import tilewright as tw
from compiler.target import Target
from measure import Measurement, MeasureStatus, describe_host
from records_db import Record, SessionStatus, TuneSession
from schedule_space import space_for
from tests.schedule_space.workloads import matmul
from tests.tilewright.conftest import Command


@pytest.fixture(scope="module")
def many_candidates(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database in which five matrix products have candidates with invented times, enough to train from."""
    url = f"sqlite:///{tmp_path_factory.mktemp('records') / 'many.db'}"
    target, rng = Target.parse("host"), np.random.default_rng(0)
    with tw.Database(url) as database:
        session = database.open_session(TuneSession(tuner="random", seed=0, options={}, command_line=""))
        for size in (32, 48, 64, 96, 128):
            space = space_for(matmul((size, 64), (64, size)), target, target.cores)
            records = [
                Record(
                    workload=space.workload,
                    target=str(target),
                    device=describe_host(),
                    schedule=space.schedule(candidate),
                    measurement=Measurement(status=MeasureStatus.OK, run_secs=(1e-6 * size * rng.uniform(1, 2),)),
                    decisions=candidate.to_json(),
                )
                for candidate in space.sample(rng, 8)
            ]
            database.add_records(session, records)
        database.close_session(session, SessionStatus.FINISHED)
    return url


def test_a_model_is_trained_shown_and_used(command: Command, tmp_path: Path, classifier: Path, many_candidates: str) -> None:
    file = tmp_path / "own.ubj.gz"
    trained = command("cost-model", "train", "--db", many_candidates, "-o", file, "--source", "products")
    assert (trained.code, trained.err) == (0, "")
    assert trained.out.startswith(f"{file}: {file.stat().st_size / 1024:.0f} KiB, from ")
    header = json.loads(command("cost-model", "show", file, "-f", "json").out)
    assert header["source"] == "products"
    assert header["workloads"] == 5
    assert "workloads: 5\n" in command("cost-model", "show", file).out
    url = f"sqlite:///{tmp_path / 't.db'}"
    tuned = command("tune", classifier, "--trials", 4, "--threads", 1, "--cost-model", "gp", "--prior", file, "--db", url)
    assert tuned.code == 0
    with tw.Database(url) as database:
        (session,) = database.sessions()
    assert (session.session.options["cost_model"], session.session.options["prior"]) == ("gp", str(file))
    assert f"--cost-model gp --prior {file}" in session.session.command_line


def test_the_shipped_model_is_shown(command: Command) -> None:
    shown = json.loads(command("cost-model", "show", "-f", "json").out)
    assert shown["records"] > 1000
    assert 0 < shown["deviation"] < 0.5


def test_bad_input_is_refused(command: Command, tmp_path: Path, classifier: Path, tuned_url: str) -> None:
    url = f"sqlite:///{tmp_path / 't.db'}"
    few = command("cost-model", "train", "--db", tuned_url, "-o", tmp_path / "x").complaint
    assert "needs records of at least 4 workloads with 4 candidates each, found " in few
    assert "there is no such file" in command("cost-model", "train", "--db", url, "-o", tmp_path / "x").complaint
    (tmp_path / "text").write_text("nothing")
    assert "is not a file of `tilewright cost-model train`" in command("cost-model", "show", tmp_path / "text").complaint
    missing = command("tune", classifier, "--trials", 4, "--prior", tmp_path / "none", "--db", url).err
    assert "cannot read the cost model" in missing
    assert "is not one of" in command("tune", classifier, "--cost-model", "oracle", "--db", url).complaint
    assert not (tmp_path / "x").exists()
