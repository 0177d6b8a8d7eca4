"""`tilewright tune`: what it says while it searches and at the end, and how it is interrupted."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tilewright as tw
from compiler.runtime import child_environment
from records_db import SessionStatus
from tests.tilewright.conftest import TRIALS, Command
from tilewright.commands import tune as tune_command

ROOT = Path(__file__).parent.parent.parent


def test_plain_lines_and_what_is_known_already(command: Command, tmp_path: Path, classifier: Path) -> None:
    words = ("tune", classifier, "--trials", TRIALS, "--threads", 1, "--tuner", "random", "--db", tmp_path / "t.db")
    first, second = command(*words), command(*words)
    assert (first.code, first.err) == (0, "")
    lines = first.out.splitlines()
    assert lines[0].startswith("tuning classifier for ")
    assert lines[0].endswith(f", 1 thread, with random, into sqlite:///{tmp_path / 't.db'}")
    assert lines[1] == "3 kernels; nothing is known of them on this device yet"
    assert any(line.startswith("[Task ") and f"Progress: ({TRIALS}/{TRIALS})" in line for line in lines)
    assert any(line.startswith(f"session 1: the trials are spent after {TRIALS} trials in ") for line in lines)
    header = next(line for line in lines if line.startswith("| task"))
    assert [cell.strip() for cell in header.strip("|").split("|")] == [
        "task",
        "calls",
        "trials",
        "failed",
        "best ms",
        "untuned ms",
        "speed-up",
    ]
    assert sum(line.startswith(("| conv2d", "| winograd_conv2d")) for line in lines) == 1
    assert any(line.startswith("| whole model ") for line in lines)
    assert lines[-1] == f"Compile from it with: tilewright compile {classifier} --db {tmp_path / 't.db'} -o classifier.so"
    known = second.out.splitlines()[1]
    assert known.startswith(f"{TRIALS} candidates of 3 of 3 kernels are known already and are not measured again; model ")


def test_json_lines(command: Command, tmp_path: Path, classifier: Path) -> None:
    url = f"sqlite:///{tmp_path / 't.db'}"
    done = command("tune", classifier, "--trials", TRIALS, "--threads", 1, "--tuner", "grid", "--db", url, "--json", "--seed", 5)
    assert done.code == 0
    events: list[dict[str, Any]] = [json.loads(line) for line in done.out.splitlines()]
    started, *trials, finished = [event for event in events if event["event"] != "retimed"]
    assert (started["event"], started["model"], started["threads"], started["tuner"]) == ("started", "classifier", 1, "grid")
    assert {task["known"] for task in started["tasks"]} == {0}
    assert len({task["family"] for task in started["tasks"] if task["family"]}) == 3
    assert [event["progress"]["trials"] for event in trials] == list(range(1, TRIALS + 1))
    assert {event["status"] for event in trials} == {"ok"}
    assert all(event["best_ms"] <= event["ms"] for event in trials)
    assert (finished["event"], finished["stop"]) == ("finished", "trials")
    assert 0 < finished["model_ms"] <= finished["untuned_model_ms"]
    assert sum(task["trials"] for task in finished["tasks"]) == TRIALS
    assert done.err == f"Compile from it with: tilewright compile {classifier} --db {url} -o classifier.so\n"
    with tw.Database(url) as database:
        (session,) = database.sessions()
    assert (session.session.tuner, session.session.seed) == ("grid", 5)
    assert f"--db {url} --threads 1 --trials {TRIALS} --seed 5" in session.session.command_line


def test_a_password_is_neither_stored_nor_printed(
    command: Command, classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands in for the server, and an interruption for the search."""
    database = tw.Database(f"sqlite:///{tmp_path / 't.db'}")
    told: list[str] = []

    def interrupted(*_: object, command_line: str, **__: object) -> None:
        told.append(command_line)
        raise KeyboardInterrupt

    monkeypatch.setattr(tune_command, "Database", lambda _url: database)
    monkeypatch.setattr(tune_command, "tune_model", interrupted)
    done = command("tune", classifier, "--db", "postgresql://ada:secret@host/name", "--trials", 3)
    assert done.code == 130
    assert "Go on with: tilewright tune " in done.out
    for text in (*told, done.out, done.err):
        assert "secret" not in text
    assert "--db 'postgresql://ada:***@host/name'" in told[0]


def heed_interrupts() -> None:
    """What runs in the background of a shell script is started with SIGINT ignored, and its children with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_session_says_how_to_go_on(tmp_path: Path, classifier: Path, number: signal.Signals) -> None:
    url = f"sqlite:///{tmp_path / 't.db'}"
    words = [
        sys.executable,
        "-m",
        "tilewright",
        "tune",
        str(classifier),
        "--trials",
        "5000",
        "--threads",
        "1",
        "--tuner",
        "random",
        "--db",
        url,
    ]
    environment = child_environment([str(ROOT), *sys.path])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*words, "--json"], cwd=ROOT, env=environment, text=True, preexec_fn=heed_interrupts, **pipes) as session:
        assert session.stdout is not None
        for line in session.stdout:
            if json.loads(line).get("progress", {}).get("trials") == TRIALS:
                break
        session.send_signal(number)
        rest, said = session.communicate(timeout=120)
    finished = json.loads(rest.splitlines()[-1])
    assert (session.returncode, finished["stop"]) == (130, "interrupted")
    trials = finished["progress"]["trials"]
    assert TRIALS <= trials < 5000
    assert (
        said == f"Go on with: tilewright tune {classifier} --target host --tuner random --db {url} --threads 1 --trials {5000 - trials}\n"
    )
    with tw.Database(url) as database:
        (summary,) = database.sessions()
        assert summary.status is SessionStatus.INTERRUPTED
        assert trials <= summary.trials <= trials + 1
