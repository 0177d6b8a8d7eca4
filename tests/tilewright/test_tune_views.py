"""The views of a session, from made-up events: what they show and that they fit."""

import io
import json

import pytest
from rich.console import Console

from compiler.target import Target
from measure import Measurement, MeasureStatus, Verdict
from schedule_space import Candidate
from tilewright.tune_views import SessionHeading, choose_view, plain_lines, show_progress
from tilewright.tune_views.closing_table import MOST_ROWS
from tilewright.tune_views.live_table import LiveTable, done_share, session_picture
from tilewright.tune_views.wording import known_already
from tuner import Event, Progress, SessionStarted, StopReason, TaskResult, TaskRetimed, TrialDone, TuneResult

HEADING = SessionHeading(model="net", target=Target.parse("pi3b"), database="sqlite:///t.db", tuner="xgb")


def task(
    name: str = "conv2d+relu (1,64)", weight: float = 2, best: float | None = 1e-3, default: float | None = 3e-3, known: int = 0
) -> TaskResult:
    return TaskResult(name=name, weight=weight, trials=7, failed=1, known=known, default_secs=default, best_secs=best)


def progress(trials: int = 7, budget: int | None = 20, left: float | None = 90.0) -> Progress:
    failures = ((MeasureStatus.CRASH, 3), (MeasureStatus.RUN_TIMEOUT, 1))
    return Progress(trials=trials, trials_budget=budget, elapsed_secs=10.0, secs_left=left, failures=failures, model_secs=0.002)


def trial(number: int = 7, measurement: Measurement | None = None) -> TrialDone:
    measured = measurement or Measurement(status=MeasureStatus.OK, run_secs=(2e-3,))
    candidate = Candidate((("tile", 4),))
    return TrialDone(task=0, candidate=candidate, measurement=measured, is_best=False, state=task(), progress=progress(number))


def session(trials: int = 1) -> list[Event]:
    retimed = TaskRetimed(task=0, candidates=3, of_forms=True, best_secs=9e-4, progress=progress(), verdict=Verdict.WON)
    result = TuneResult(session=4, stop=StopReason.TRIALS, tasks=(task(), task("pool", 1, None, None)), progress=progress(20))
    return [SessionStarted(session=4, tasks=(task(), task("pool", 1, None, None))), *(trial(i + 1) for i in range(trials)), retimed, result]


def shown(events: list[Event], as_json: bool = False) -> list[str]:
    file = io.StringIO()
    with choose_view(HEADING, file, as_json=as_json) as view:
        for event in events:
            view(event)
    return file.getvalue().splitlines()


def test_plain_lines() -> None:
    lines = shown(session())
    assert lines[:2] == [
        "tuning net for cortex-a53, 4 threads, with xgb, into sqlite:///t.db",
        "2 kernels; nothing is known of them on this device yet",
    ]
    assert lines[2] == (
        "[Task 1/2]  Current/Best:    2.000/   1.000 ms | Model:   2.000 ms | Progress: (1/20) | 10.0 s, 1 min 30 s left | 0.1 trials/s"
        " | conv2d+relu | failed: 3 crash, 1 run_timeout"
    )
    assert lines[3] == "session 4: the trials are spent after 20 trials in 10 s"
    assert [cell.strip() for cell in lines[-2].strip("|").split("|")] == ["whole model", "3", "14", "2", "-", "-", "-"]
    assert lines[-1] == "failed trials: 3 crash, 1 run_timeout"
    assert all(line == line.rstrip() for line in lines)


def test_a_failed_trial_shows_its_status() -> None:
    failed = Measurement(status=MeasureStatus.WRONG_ANSWER, error="differs")
    assert "Current/Best: wrong_answer/   1.000 ms" in shown([session()[0], trial(measurement=failed)])[2]


def test_plain_lines_come_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(plain_lines.time, "monotonic", lambda: next(clock) * 0.5)
    lines = [line for line in shown(session(trials=20)) if line.startswith("[Task")]
    numbers = [line.partition("Progress: (")[2].partition("/")[0] for line in lines if "Progress" in line]
    assert numbers == ["1", "5", "9", "13", "17", "20"]


def test_json_lines() -> None:
    started, first, retimed, finished = [json.loads(line) for line in shown(session(), as_json=True)]
    assert (started["event"], started["database"], len(started["tasks"])) == ("started", "sqlite:///t.db", 2)
    assert (first["status"], first["ms"], first["decisions"], first["progress"]["failures"]["crash"]) == ("ok", 2.0, {"tile": 4}, 3)
    assert (retimed["event"], retimed["best_ms"], retimed["of_forms"], retimed["verdict"]) == ("retimed", 0.9, True, "won")
    assert (finished["stop"], finished["model_ms"], finished["tasks"][1]["best_ms"]) == ("trials", None, None)


def test_the_live_table_draws_in_place_and_leaves_the_closing_table() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=30, color_system=None)
    with LiveTable(HEADING, console) as view:
        for event in session(trials=3):
            view(event)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "tuning net for cortex-a53" in text
    assert "searching, 1/20 trials, 0.1 trials/s, 1 min 30 s left" in text
    assert "model 2.000 ms" in text
    assert "failed: 3 crash, 1 run_timeout" in text
    assert "session 4: the trials are spent" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is given back


@pytest.mark.parametrize("height", [10, 24, 60])
def test_the_live_table_fits_the_terminal(height: int) -> None:
    tasks = [task(f"kernel {position} " + "x" * 200, best=1e-3 / (position + 1)) for position in range(40)]
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=height, color_system=None)
    console.print(session_picture(tasks, 39, progress(), "searching", height))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= max(height, 12)
    assert max(map(len, lines)) <= 100
    assert sum("kernel 39 " in line for line in lines) == 1


def test_the_closing_table_sums_small_tasks_up() -> None:
    tasks = tuple(task(f"kernel {position}", best=1e-3 / (position + 1)) for position in range(MOST_ROWS + 5))
    lines = shown([TuneResult(session=1, stop=StopReason.MINUTES, tasks=tasks, progress=progress())])
    assert sum(line.startswith("| kernel ") for line in lines) == MOST_ROWS
    (rest,) = [line for line in lines if "smaller tasks together" in line]
    assert [cell.strip() for cell in rest.strip("|").split("|")][:4] == ["5 smaller tasks together", "10", "35", "5"]


def test_what_is_known_already() -> None:
    assert known_already([task(known=5), task(known=0)]) == (
        "5 candidates of 1 of 2 kernels are known already and are not measured again; model 4.000 ms so far, untuned 12.00 ms"
    )
    assert known_already([task(known=5, best=None)]).endswith("are not measured again")


def test_the_share_that_is_done() -> None:
    assert done_share(progress(5, 20)) == 0.25
    assert done_share(progress(5, None, 30.0)) == 0.25
    assert done_share(progress(5, None, None)) == 0.0


def test_progress_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress() as view:
        for event in session():
            view(event)
    assert "session 4: the trials are spent" in capsys.readouterr().out
