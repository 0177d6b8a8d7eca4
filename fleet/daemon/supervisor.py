"""The daemon's first process: keeps an agent alive, and runs its candidates. It has one thread and never talks to the network.

    agent --"run" {command}--> supervisor --fork--> sandboxed child      agent --"beat"--> supervisor, once a second
    agent <--"ended" {ending}--                                          an agent that ends, or falls silent, is ended and started again

In: `DaemonOptions`. Runs until SIGTERM or SIGINT. Whatever a candidate left behind is ended before the next one starts.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from fleet.backoff import Backoff
from fleet.daemon.lines import LineReader, encode_line
from fleet.daemon.options import DaemonOptions
from fleet.daemon.processes import END_SECS, PR_SET_PDEATHSIG, adopt_orphans, end_children, prctl
from fleet.daemon.sandbox import ChildCommand
from fleet.daemon.sandboxed_child import ChildEnding, SandboxedChild, ThreadCounts, start_child
from fleet.messages import Ending

SILENCE_SECS = 20.0  # of an agent that beats every second: its process hangs, or was stopped
START_SECS = 180.0  # within which a new agent has to beat: a Raspberry Pi reads its packages from a slow card
STOP_SECS = 5.0
LATE_LOOK_SECS = 0.1
POWER_CYCLE_SECS = 60.0
READ_BYTES = 1 << 20
AGENT_PROGRAM = "from fleet.daemon.agent import main; main()"
UNUSABLE_EXIT_CODE = 2  # of an agent that cannot work with its options: starting it again would not help


class Supervisor:
    def __init__(self, options: DaemonOptions) -> None:
        self._options = options
        self._selector = selectors.DefaultSelector()
        self._counts = ThreadCounts()
        self._child: SandboxedChild | None = None
        self._given_up: SandboxedChild | None = None
        self._stopping = False

    def run(self) -> int:
        """The exit code of the daemon."""
        adopt_orphans()
        self._watch_signals()
        backoff = Backoff()
        while not self._stopping:
            code = self._serve_agent()
            if code == UNUSABLE_EXIT_CODE:
                return code
            if not self._stopping:
                _say(f"the agent ended with code {code}; another one is started")
                self._select(backoff.next_secs())
        return 0

    def _watch_signals(self) -> None:
        """Signals wake the selector."""
        self._waker, self._waker_end = socket.socketpair()
        self._waker.setblocking(False)
        self._waker_end.setblocking(False)
        signal.set_wakeup_fd(self._waker_end.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._selector.register(self._waker, selectors.EVENT_READ)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _serve_agent(self) -> int:
        """Starts one and serves it until it has ended; its exit code."""
        agent, self._agent = self._start_agent()
        self._selector.register(self._agent, selectors.EVENT_READ)
        self._reader = LineReader()
        self._heard_at = time.monotonic()
        self._silence_secs = START_SECS
        try:
            while agent.poll() is None and not self._stopping:
                self._select(self._patience_secs())
                self._look_after_child(agent.pid)
                if time.monotonic() - self._heard_at > self._silence_secs:
                    _say(f"the agent has said nothing for {self._silence_secs:.0f} s and is ended")
                    break
        finally:
            code = self._end_agent(agent)
        return code

    def _start_agent(self) -> tuple["subprocess.Popen[bytes]", socket.socket]:
        ours, theirs = socket.socketpair()
        ours.settimeout(SILENCE_SECS)  # one that hangs does not take what it is told
        with theirs:
            agent = subprocess.Popen(
                [sys.executable, "-P", "-c", AGENT_PROGRAM, self._options.to_json(), str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)},
                start_new_session=True,
            )
        return agent, ours

    def _end_agent(self, agent: "subprocess.Popen[bytes]") -> int:
        """The agent, its candidate and whatever either has left; the exit code."""
        if self._child is not None:
            self._child.kill("its daemon has ended")
        with suppress(ProcessLookupError):
            agent.terminate()
        try:
            code = agent.wait(STOP_SECS if self._stopping else 0.5)
        except subprocess.TimeoutExpired:
            agent.kill()
            code = agent.wait()
        end_children(spare=())
        if (child := self._child) is not None:
            self._close_child(child)
            child.close()
        self._selector.unregister(self._agent)
        self._agent.close()
        return code

    def _patience_secs(self) -> float:
        """A child that ends wakes the selector; one that does not, after its deadline, is looked at now and then."""
        if self._child is None:
            return 1.0
        left_secs = self._child.deadline - time.monotonic()
        return min(1.0, left_secs) if left_secs > 0 else LATE_LOOK_SECS

    def _select(self, patience_secs: float) -> None:
        for key, _ in self._selector.select(patience_secs):
            if key.fileobj is self._waker:
                self._waker.recv(4096)
            elif key.data is None:
                self._read_agent()
            elif not key.data.read(key.fd):
                self._selector.unregister(key.fd)

    def _read_agent(self) -> None:
        """When the agent hangs up, its end is seen by `poll`; one that is killed with something unread resets the connection."""
        try:
            data = self._agent.recv(READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            time.sleep(0.01)
        for message in self._reader.feed(data):
            self._heard_at, self._silence_secs = time.monotonic(), SILENCE_SECS
            match message["op"]:
                case "run":
                    self._start_child(ChildCommand.from_json(message["command"]))
                case "abort" if self._child is not None:
                    self._child.kill("nobody waits for it any more")

    def _start_child(self, command: ChildCommand) -> None:
        try:
            self._child = child = start_child(command, self._counts)
        except OSError as error:
            text = f"no process can be made: {error}"
            self._tell(ChildEnding(ending=Ending.REFUSED, code=0, text=text, output=b"", errors=b"", secs=0.0))
            return
        for descriptor in child.outputs:
            self._selector.register(descriptor, selectors.EVENT_READ, child)

    def _look_after_child(self, agent: int) -> None:
        child = self._child
        if child is None:
            return
        late_secs = time.monotonic() - child.deadline
        if late_secs >= 0:
            child.kill("timeout")
        ended, status = os.waitpid(child.pid, os.WNOHANG)
        if not ended:
            if late_secs > END_SECS and child is not self._given_up:
                self._given_up = child
                self._power_cycle("a candidate cannot be ended")
            return
        child.reaped = True
        child.kill("")
        if not end_children(spare=(agent,)):
            self._power_cycle("what a candidate left behind cannot be ended")
        self._close_child(child)
        self._tell(child.ending(status))

    def _close_child(self, child: SandboxedChild) -> None:
        self._child = None
        for descriptor in child.outputs:
            with suppress(KeyError):
                self._selector.unregister(descriptor)

    def _tell(self, ending: ChildEnding) -> None:
        message: dict[str, Any] = {"op": "ended", "ending": ending.to_json()}
        with suppress(OSError):
            self._agent.sendall(encode_line(message))

    def _power_cycle(self, reason: str) -> None:
        """The last resort, and the user's own command."""
        command = self._options.power_cycle_command
        _say(f"{reason}; {f'running {command!r}' if command else 'no --power-cycle-cmd was given'}")
        if not command:
            return
        try:
            done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, timeout=POWER_CYCLE_SECS, check=False)
        except subprocess.TimeoutExpired:
            _say(f"{command!r} was ended after {POWER_CYCLE_SECS:.0f} s")
            return
        if done.returncode:
            _say(f"{command!r} ended with exit code {done.returncode}")


def _say(text: str) -> None:
    sys.stderr.write(f"tilewright device: {text}\n")
    sys.stderr.flush()


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process with the supervisor that started it."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
