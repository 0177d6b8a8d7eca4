"""A tune killed with SIGKILL three times and started again: every committed trial once, none lost, the same best."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

from compiler.runtime import child_environment
from records_db import Database
from tests.tuner.toy import DEVICE, TARGET, ToyBuilder, ToyRunner, toy_task
from tuner import SessionStarted, StopReason, TuneOptions, tune_tasks

SCRIPT = Path(__file__).parent / "endless_session.py"
ROOT = Path(__file__).parent.parent.parent


def test_killed_three_times(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    told: list[str] = []
    for trials in (5, 23, 40):
        environment = child_environment([str(ROOT), *sys.path])
        with subprocess.Popen([sys.executable, str(SCRIPT), url], stdout=subprocess.PIPE, text=True, env=environment) as session:
            assert session.stdout is not None
            told += (line.strip() for line in islice(session.stdout, trials))
            session.kill()
    task = toy_task(tiles=(1, 8, 16))
    with Database(url) as database:
        committed = [record.key for record in database.records()]
        assert len(committed) == len(set(committed)) >= 5 + 23 + 40
        assert set(told) <= set(committed)
        events: list[object] = []
        result = tune_tasks([task], ToyBuilder(), ToyRunner([task]), database, TuneOptions(contenders=0), events.append)
        assert isinstance(events[0], SessionStarted)
        assert events[0].tasks[0].known == len(committed)
        assert result.stop is StopReason.EXHAUSTED
        best = database.best_record(task.workload, TARGET, DEVICE)
        everything = [record.key for record in database.records()]
    assert best is not None
    assert best.cost_secs == result.tasks[0].best_secs == 1e-3
    assert sorted(everything) == sorted(candidate.key for candidate in task.space.all())
