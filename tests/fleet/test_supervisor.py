"""How long the supervisor waits for its agent: long at the start, not long for one that has worked and hangs."""

import os
import subprocess
import sys
from pathlib import Path

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
