"""How long the supervisor waits for its agent: long at the start, not long for one that has worked and hangs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.daemon.sandbox import ChildCommand, Limits
from fleet.daemon.sandboxed_child import ThreadCounts, start_child
from fleet.daemon.supervisor import UNUSABLE_EXIT_CODE

SUPERVISE = """
import sys
from pathlib import Path
from fleet import Address
from fleet.daemon import DaemonOptions, supervisor
supervisor.SILENCE_SECS, supervisor.AGENT_PROGRAM = 0.5, sys.argv[1]
options = DaemonOptions(tracker=Address("127.0.0.1", 1), key="board", name="one", cache=Path("cache"))
sys.exit(supervisor.Supervisor(options).run())
"""
STARTS_SLOWLY = "import sys, time; time.sleep(2); sys.exit({code})"
HANGS_ONCE = """
import pathlib, socket, sys, time
mark = pathlib.Path({mark!r})
if mark.exists():
    sys.exit({code})
mark.touch()
socket.socket(fileno=int(sys.argv[2])).send(b'{{"op":"beat"}}\\n')
time.sleep(60)
"""


HANGS_WITH_A_RESULT_UNREAD = """
import json, pathlib, socket, sys, time
from fleet.daemon.sandbox import ChildCommand, Limits
mark = pathlib.Path({mark!r})
if mark.exists():
    sys.exit({code})
mark.touch()
words = ("/bin/sh", "-c", "head -c 900000 /dev/zero")
limits = Limits(address_bytes=0, cpu_secs=5)
command = ChildCommand(words=words, folder="/", stdin=b"", timeout_secs=5.0, limits=limits, in_bwrap=False)
line = json.dumps(dict(op="run", command=command.to_json())) + chr(10)
socket.socket(fileno=int(sys.argv[2])).sendall(line.encode())
time.sleep(60)
"""
LEAVES_A_CHILD = """
import json, os, pathlib, socket, sys, time
from fleet.daemon.sandbox import ChildCommand, Limits
counts = pathlib.Path({counts!r})
with counts.open("a") as file:
    print(len(os.listdir("/proc/%d/fd" % os.getppid())), file=file)
if len(counts.read_text().split()) == 3:
    sys.exit({code})
limits = Limits(address_bytes=0, cpu_secs=5)
command = ChildCommand(words=("/bin/sleep", "50"), folder="/", stdin=b"", timeout_secs=50.0, limits=limits, in_bwrap=False)
socket.socket(fileno=int(sys.argv[2])).sendall((json.dumps(dict(op="run", command=command.to_json())) + chr(10)).encode())
time.sleep(0.3)
"""


def supervise(agent: str) -> str:
    """What the supervisor says until an agent ends by itself."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    words = [sys.executable, "-P", "-c", SUPERVISE, agent]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50, check=False, env=environment)
    assert done.returncode == UNUSABLE_EXIT_CODE, done.stderr
    return done.stderr


def test_a_board_may_take_long_to_start() -> None:
    assert supervise(STARTS_SLOWLY.format(code=UNUSABLE_EXIT_CODE)) == ""


def test_an_agent_that_hangs_is_replaced(tmp_path: Path) -> None:
    said = supervise(HANGS_ONCE.format(mark=str(tmp_path / "hung"), code=UNUSABLE_EXIT_CODE))
    assert "the agent has said nothing for 0 s and is ended" in said
    assert "another one is started" in said


def test_an_agent_that_does_not_take_a_result_is_replaced(tmp_path: Path) -> None:
    """The result is larger than what the kernel keeps for it."""
    said = supervise(HANGS_WITH_A_RESULT_UNREAD.format(mark=str(tmp_path / "hung"), code=UNUSABLE_EXIT_CODE))
    assert "the agent has said nothing for 0 s and is ended" in said


def test_a_child_that_cannot_be_made_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    command = ChildCommand(
        words=("/bin/true",), folder="/", stdin=b"x", timeout_secs=1.0, limits=Limits(address_bytes=0, cpu_secs=1), in_bwrap=False
    )
    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        start_child(command, ThreadCounts())
    assert os.listdir("/proc/self/fd") == before


def test_agents_that_leave_a_child_do_not_leave_its_pipes(tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    supervise(LEAVES_A_CHILD.format(counts=str(counts), code=UNUSABLE_EXIT_CODE))
    _, second, third = map(int, counts.read_text().split())
    assert second == third
