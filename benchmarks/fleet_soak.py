"""Many trials over two daemons, one of which is killed every now and then: none may be lost or counted twice. Used by `fleet.py`."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import psutil

from benchmarks.local_fleet import LocalFleet, fresh_fleet, wait_for_devices
from fleet import Blob, Ending, Job
from measure.remote.job_window import JobWindow

PAYLOAD_BYTES = 20_000
NAMES = ("one", "two")
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Soak:
    """memory: of tracker and daemons with their agents, resident MiB after the first tenth of the trials and at the end.

    ended: which of them were found ended at the end, beside those that were killed.
    """

    trials: int
    kills: int
    lost: int
    duplicated: int
    wrong: int
    repeated_on_devices: int
    seconds: float
    memory_begin_mib: dict[str, float]
    memory_end_mib: dict[str, float]
    ended: tuple[str, ...]

    def __str__(self) -> str:
        memory = ", ".join(f"{name} {begin:.0f} -> {self.memory_end_mib[name]:.0f}" for name, begin in self.memory_begin_mib.items())
        counts = f"{self.lost} lost, {self.duplicated} duplicated, {self.wrong} wrong, {self.repeated_on_devices} done again by a device"
        ended = f"; ended by themselves: {', '.join(self.ended)}" if self.ended else ""
        return f"{self.trials} trials in {self.seconds:.0f} s, {self.kills} kills: {counts}; resident MiB: {memory}{ended}"


def soak(trials: int, kill_every_secs: float) -> Soak:
    rng = random.Random(0)
    answers: Counter[str] = Counter()
    wrong = kills = 0
    with fresh_fleet() as fleet:
        for name in NAMES:
            fleet.start_device(name)
        with fleet.client() as client:
            wait_for_devices(client, len(NAMES))
            window = JobWindow(client, 2 * len(NAMES))
            start = killed_at = time.monotonic()
            begin: dict[str, float] = {}
            program = Blob.of(b"#!/bin/sh\ncat; wc -c < data\n")
            for first in range(0, trials, 100):
                batch = {}
                for number in range(first, min(first + 100, trials)):
                    data = Blob.of(rng.randbytes(PAYLOAD_BYTES))
                    job = Job(
                        identity=str(number),
                        key="board",
                        program=program.digest,
                        files=(("data", data.digest),),
                        stdin=f"{number} ".encode(),
                        candidate=data.digest,
                    )
                    batch[str(number)] = window.submit(job, {blob.digest: blob for blob in (program, data)})
                for identity, future in batch.items():
                    while not future.done():
                        if time.monotonic() - killed_at > kill_every_secs:
                            killed_at, kills = time.monotonic(), kills + _kill_one(fleet, rng)
                        time.sleep(0.005)
                    result = future.result()
                    answers[result.identity] += 1
                    wrong += result.ending is not Ending.EXITED or result.output != f"{identity} {PAYLOAD_BYTES}\n".encode()
                if not begin and first + len(batch) >= trials // 10:
                    begin = _memory(fleet)
            seconds = time.monotonic() - start
            end = _memory(fleet)
            ended = tuple(name for name, process in fleet.processes.items() if process.poll() is not None)
        done = Counter(entry["candidate"] for entry in fleet.audit() if entry["event"] == "job")
    lost = sum(answers[str(number)] == 0 for number in range(trials))
    duplicated = sum(count > 1 for count in answers.values())
    return Soak(trials, kills, lost, duplicated, wrong, sum(done.values()) - len(done), seconds, begin, end, ended)


def _kill_one(fleet: LocalFleet, rng: random.Random) -> int:
    """The agent of a daemon, or the whole daemon, which is then started again, as systemd would."""
    name = rng.choice(NAMES)
    if rng.random() < 0.5:
        with suppress(AssertionError, ProcessLookupError):
            os.kill(fleet.agent(name), signal.SIGKILL)
    else:
        fleet.processes[name].kill()
        fleet.processes[name].wait()
        fleet.start_device(name)
    return 1


def _memory(fleet: LocalFleet) -> dict[str, float]:
    used = {}
    for name, process in fleet.processes.items():
        with suppress(psutil.Error):
            root = psutil.Process(process.pid)
            used[name] = sum(each.memory_info().rss for each in (root, *root.children())) / MIB
    return used
