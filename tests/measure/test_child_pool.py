"""A child that misbehaves costs its own job; the server and the other jobs go on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from measure.child_pool import ChildPool, OutcomeKind
from measure.child_server import ServerSettings
from measure.errors import MeasureError

MakePool = Callable[..., ChildPool]
PLANTED = Path(__file__).parent / "planted"


def run(pool: ChildPool, do: str, timeout_secs: float = 20.0, **details: object):
    return pool.wait(pool.submit({"do": do, **details}, timeout_secs=timeout_secs))


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_job_is_answered_with_header_and_bytes(make_pool: MakePool) -> None:
    pool = make_pool()
    outcome = pool.wait(pool.submit({"do": "echo", "say": "hello"}, b"abc" * 100_000, timeout_secs=20))
    assert outcome.kind is OutcomeKind.DONE
    assert outcome.reply["said"] == "hello"
    assert outcome.blob == b"cba" * 100_000


def test_every_misdeed_is_told_and_the_next_job_runs(make_pool: MakePool) -> None:
    pool = make_pool(memory_bytes=1 << 30)
    expected = {
        "raise": (OutcomeKind.RAISED, "ValueError: no good (planted_jobs.py:"),
        "segfault": (OutcomeKind.DIED, "killed by SIGSEGV"),
        "abort": (OutcomeKind.DIED, "killed by SIGABRT: LLVM ERROR: Cannot select: t7: v3f32"),
        "exit": (OutcomeKind.DIED, "exited with code 3 before it answered"),
        "eat memory": (OutcomeKind.DIED, "out of memory"),
        "talk for ever": (OutcomeKind.RAISED, "File too large"),
        "answer nonsense": (OutcomeKind.DIED, "answered with a frame of"),
        "fail to prepare": (OutcomeKind.RAISED, "ValueError: no such workload"),
    }
    for misdeed, (kind, text) in expected.items():
        outcome = run(pool, misdeed)
        assert outcome.kind is kind, misdeed
        assert text in outcome.text, misdeed
        assert run(pool, "echo", say=misdeed).reply["said"] == misdeed


def test_a_hang_is_killed_after_its_time(make_pool: MakePool) -> None:
    pool = make_pool()
    outcome = run(pool, "spin", timeout_secs=0.3)
    assert outcome.kind is OutcomeKind.TIMEOUT
    assert outcome.text.startswith("killed after")
    assert run(pool, "echo", say="on").kind is OutcomeKind.DONE


def test_jobs_run_side_by_side_and_end_in_any_order(make_pool: MakePool) -> None:
    pool = make_pool(workers=2)
    slow = pool.submit({"do": "spin"}, timeout_secs=600)
    quick = [pool.submit({"do": "echo", "say": number}, timeout_secs=20) for number in range(5)]
    assert [pool.wait(job).reply["said"] for job in quick] == list(range(5))
    assert pool.poll(slow) is None
    last = pool.submit({"do": "echo", "say": "last"}, timeout_secs=20)
    assert pool.wait_any({slow, last})[0] == last


def test_a_child_serves_as_many_jobs_as_it_may(make_pool: MakePool) -> None:
    fresh, kept = make_pool(), make_pool(jobs_per_child=3)
    assert len({run(fresh, "echo", say=0).reply["pid"] for _ in range(3)}) == 3
    pids = [run(kept, "echo", say=0).reply["pid"] for _ in range(6)]
    assert len(set(pids)) == 2
    assert pids[0] == pids[2] != pids[3]


def test_cancelled_jobs_do_not_start(make_pool: MakePool) -> None:
    pool = make_pool()
    hung = pool.submit({"do": "spin"}, timeout_secs=0.5)
    waiting = {pool.submit({"do": "spin"}, timeout_secs=60) for _ in range(3)}
    pool.cancel(waiting)
    assert pool.wait(hung).kind is OutcomeKind.TIMEOUT
    assert run(pool, "echo", say="free").kind is OutcomeKind.DONE
    with pytest.raises(KeyError):
        pool.wait(waiting.pop())


def test_grandchildren_end_with_the_child(make_pool: MakePool) -> None:
    pid = run(make_pool(), "leave a grandchild").reply["pid"]
    assert wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_a_killed_server_loses_its_jobs_and_is_started_again(make_pool: MakePool) -> None:
    pool = make_pool()
    assert run(pool, "echo", say=1).kind is OutcomeKind.DONE
    job = pool.submit({"do": "spin"}, timeout_secs=60)
    server = psutil.Process(pool._server.pid)
    assert wait_until(lambda: bool(server.children()))
    children = server.children()
    server.kill()
    outcome = pool.wait(job)
    assert outcome.kind is OutcomeKind.DIED
    assert "ended with code -9" in outcome.text
    assert wait_until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))
    assert run(pool, "echo", say=2).reply["said"] == 2


def test_a_module_that_cannot_be_imported_ends_the_session() -> None:
    with ChildPool(ServerSettings(module="no_such_module")) as pool, pytest.raises(MeasureError, match="no_such_module"):
        run(pool, "echo", say=1)


SESSION = """
import sys, time
sys.path.insert(0, {planted!r})
from measure.child_pool import ChildPool
from measure.child_server import ServerSettings
pool = ChildPool(ServerSettings(module="planted_jobs", workers=2))
print(pool._server.pid, pool.wait(pool.submit({{"do": "echo", "say": 0}}, timeout_secs=20)).kind, flush=True)
for _ in range(2):
    pool.submit({{"do": "spin"}}, timeout_secs=600)
time.sleep(600)
"""


def test_nothing_survives_a_killed_session() -> None:
    with subprocess.Popen([sys.executable, "-c", SESSION.format(planted=str(PLANTED))], stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        server = psutil.Process(int(session.stdout.readline().split()[0]))
        assert wait_until(lambda: len(server.children()) == 2)
        family = [server, *server.children(recursive=True)]
        os.kill(session.pid, signal.SIGKILL)
    assert wait_until(lambda: not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family))


def test_a_child_does_several_jobs_and_a_fresh_job_gets_its_own(make_pool: MakePool) -> None:
    pool = make_pool(jobs_per_child=8)
    outcomes = [run(pool, "echo", say=number) for number in range(3)]
    assert len({outcome.reply["pid"] for outcome in outcomes}) == 1
    assert [outcome.earlier for outcome in outcomes] == [0, 1, 2]
    fresh = pool.wait(pool.submit({"do": "echo", "say": ""}, timeout_secs=20, fresh=True))
    assert (fresh.earlier, fresh.reply["pid"] != outcomes[0].reply["pid"]) == (0, True)
    assert run(pool, "segfault").earlier == 1


def test_what_the_server_has_prepared_reaches_the_children(make_pool: MakePool) -> None:
    pool = make_pool(jobs_per_child=8)
    first = run(pool, "echo", say="")
    outdated = run(pool, "echo", say="", outdates=True)
    assert outdated.earlier == 0
    assert outdated.reply["pid"] != first.reply["pid"]


def test_resting_workers_stand_still_and_their_time_too(make_pool: MakePool) -> None:
    pool = make_pool(workers=2, resting=(0, 1), jobs_per_child=8)
    run(pool, "echo", say="")
    jobs = [pool.submit({"do": "sleep", "secs": 0.2}, timeout_secs=0.6) for _ in range(2)]
    time.sleep(0.05)
    pool.pause()
    children = psutil.Process(pool._server.pid).children()
    assert len(children) == 2
    assert wait_until(lambda: {child.status() for child in children} == {psutil.STATUS_STOPPED})
    time.sleep(1.0)
    assert [pool.poll(job) for job in jobs] == [None, None]
    pool.resume()
    outcomes = [pool.wait(job) for job in jobs]
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.DONE] * 2
    assert all(outcome.secs < 0.6 for outcome in outcomes)


def test_workers_that_do_not_rest_go_on(make_pool: MakePool) -> None:
    pool = make_pool(workers=2, resting=(1,), jobs_per_child=8)
    run(pool, "echo", say="")
    pool.pause()
    for number in range(4):
        assert run(pool, "echo", say=number).reply["said"] == number
    pool.resume()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to a core; run it on Linux")
def test_workers_are_bound_to_their_cores(make_pool: MakePool) -> None:
    core = max(os.sched_getaffinity(0))
    pool = make_pool(cores=((core,),), jobs_per_child=2)
    assert os.sched_getaffinity(run(pool, "echo", say="").reply["pid"]) == {core}


def test_pausing_a_pool_without_resting_workers_is_nothing(make_pool: MakePool) -> None:
    pool = make_pool()
    pool.pause()
    pool.resume()
    assert run(pool, "echo", say=1).reply["said"] == 1
