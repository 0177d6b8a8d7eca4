"""A team on one database: four processes tune into it at once, one of them is killed; nothing is lost, nothing is there twice."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from compiler.runtime import child_environment
from records_db import Database, SessionStatus
from tests.records_db.tuning_client import SIZES

SCRIPT = Path(__file__).parent / "tuning_client.py"
ROOT = Path(__file__).parents[2]
CLIENTS, TRIALS, KILLED_AFTER = 4, 60, 20
MOST_BEFORE = 2000  # of the 2,970 candidates: a client may get far before it is killed on a busy machine


def start(url: str, seed: int, trials: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(SCRIPT), url, str(seed), str(trials)]
    environment = child_environment([str(ROOT), *sys.path])
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def kill_in_the_midst(client: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """The session and all that it said of itself before it was killed."""
    assert client.stdout is not None
    lines = [client.stdout.readline() for _ in range(1 + KILLED_AFTER)]
    client.kill()
    rest = client.stdout.readlines()
    client.communicate()
    return read((*lines, *rest))


def read(lines: tuple[str, ...]) -> tuple[int, list[str]]:
    """The session, and its trials as far as the line is whole."""
    first, *trials = (line.strip() for line in lines if line.endswith("\n"))
    return int(first.removeprefix("session ")), trials


def test_four_clients_tune_into_one_database(url: str) -> None:
    clients = [start(url, seed, TRIALS if seed else 10_000) for seed in range(CLIENTS)]
    killed, *others = clients
    told = dict([kill_in_the_midst(killed)])
    for client in others:
        out, error = client.communicate()
        assert (error, client.returncode) == ("", 0)
        session, trials = read(tuple(out.splitlines(keepends=True)))
        assert len(trials) == TRIALS
        told[session] = trials
    assert len(told) == CLIENTS
    with Database(url) as database:
        summaries = {summary.id: summary for summary in database.sessions()}
        assert sorted(summaries) == sorted(told)
        for number, trials in told.items():
            kept = [
                f"{SIZES.index(record.workload.arguments[0].type.shape[0])} {record.key}" for record in database.records(session=number)
            ]
            was_killed = summaries[number].status is SessionStatus.RUNNING
            assert kept[: len(trials)] == trials
            assert len(kept) == len(set(kept))
            assert len(kept) == len(trials) or was_killed  # between the commit of its last trials and the word of them
            assert summaries[number].trials == len(kept)
        statistics = database.statistics()
    assert Counter(summary.status for summary in summaries.values()) == {SessionStatus.FINISHED: CLIENTS - 1, SessionStatus.RUNNING: 1}
    assert (statistics.workloads, statistics.targets, statistics.devices) == (len(SIZES), 1, 1)
    assert statistics.records == sum(summary.trials for summary in summaries.values())


def test_a_killed_client_goes_on_with_what_all_have_measured(url: str) -> None:
    client = start(url, 0, MOST_BEFORE)
    kill_in_the_midst(client)
    with Database(url) as database:
        before = {(record.workload.key, record.key) for record in database.records()}
    out, error = start(url, 1, TRIALS).communicate()
    assert error == ""
    session, trials = read(tuple(out.splitlines(keepends=True)))
    with Database(url) as database:
        after = {(record.workload.key, record.key) for record in database.records(session=session)}
        assert len(database.records()) == len(before | after) == len(before) + TRIALS
    assert len(trials) == TRIALS
    assert not before & after
