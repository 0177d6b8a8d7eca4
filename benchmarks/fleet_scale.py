"""Many simulated devices and clients at one real tracker, over TLS: waiting times, fairness, and the tracker's processor time per trial.

A simulated device speaks the devices' protocol and sleeps in place of measuring; now and then it drops out, and comes back. A client keeps
some jobs under way, leaves now and then with all of them, and comes back. Used by `fleet.py`.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import mean, median, quantiles

import psutil

from benchmarks.local_fleet import LocalFleet, fresh_fleet
from fleet import PROTOCOL, Blob, ConnectionLostError, Device, Ending, Job, JobResult, Role, TlsBundle
from fleet.blob_store import blob_messages
from fleet.certificates import issue
from fleet.race import run_until_first_ends
from fleet.wire import Connection, connect

TRIAL_SECS = 0.5
STAY_SECS = 20.0  # on average, until a device or a client drops out
AWAY_SECS = 1.0
PAYLOAD_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Scale:
    """tracker_ms: processor time per trial, in the first and the last third. share: a user's trials against the mean."""

    devices: int
    clients: int
    trials: int
    per_sec: float
    wait_ms_median: float
    wait_ms_p95: float
    least_share: float
    most_share: float
    tracker_ms_first: float
    tracker_ms_last: float
    drops: int

    def __str__(self) -> str:
        waits = f"wait in the queue {self.wait_ms_median:.0f} ms median, {self.wait_ms_p95:.0f} ms p95"
        shares = f"a user's share of the trials is {self.least_share:.2f} to {self.most_share:.2f} of the mean"
        cost = f"tracker {self.tracker_ms_first:.2f} ms per trial at first, {self.tracker_ms_last:.2f} in the end"
        where = f"{self.devices} devices, {self.clients} clients, {self.drops} drop-outs"
        return f"{where}: {self.trials} trials, {self.per_sec:.0f}/s; {waits}; {shares}; {cost}"


@dataclass(slots=True)
class _Tally:
    done: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    drops: int = 0


def simulate(devices: int, clients: int, seconds: float) -> Scale:
    with fresh_fleet() as fleet:
        folder = fleet.bundles["client"].parent
        for number in range(clients):
            bundle = folder / f"user{number}.tls"
            issue(folder / "ca", Role.CLIENT, bundle.stem, bundle, days=2)
            fleet.bundles[bundle.stem] = bundle
        return asyncio.run(_simulate(fleet, devices, clients, seconds))


async def _simulate(fleet: LocalFleet, devices: int, clients: int, seconds: float) -> Scale:
    tally = _Tally()
    under_way = max(2, 3 * devices // clients)
    tracker = psutil.Process(fleet.processes["tracker"].pid)
    tasks = [asyncio.create_task(_device(fleet, number, tally)) for number in range(devices)]
    await asyncio.sleep(0.02 * devices)
    tasks += [asyncio.create_task(_client(fleet, number, under_way, tally)) for number in range(clients)]
    await asyncio.sleep(2.0)
    costs = []
    started, before = time.monotonic(), tally.done.total()
    for _ in range(3):
        cpu, trials = _cpu_secs(tracker), tally.done.total()
        await asyncio.sleep(seconds / 3)
        costs.append(1e3 * (_cpu_secs(tracker) - cpu) / max(1, tally.done.total() - trials))
    elapsed = time.monotonic() - started
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    shares = [count / mean(tally.done.values()) for count in tally.done.values()]
    return Scale(
        devices=devices,
        clients=clients,
        trials=tally.done.total(),
        per_sec=(tally.done.total() - before) / elapsed,
        wait_ms_median=1e3 * median(tally.waits),
        wait_ms_p95=1e3 * quantiles(tally.waits, n=20)[-1],
        least_share=min(shares),
        most_share=max(shares),
        tracker_ms_first=costs[0],
        tracker_ms_last=costs[-1],
        drops=tally.drops,
    )


def _cpu_secs(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _device(fleet: LocalFleet, number: int, tally: _Tally) -> None:
    """Comes, works, drops out with whatever it is at, comes back."""
    rng = random.Random(number)
    context = TlsBundle.read(fleet.bundles["device"]).client_context()
    device = Device(model="Simulated", cores=4)
    join = {"role": "device", "name": f"d{number}", "key": "board", "target": "", "device": device.to_json(), "health": {}}
    while True:
        connection = await connect("127.0.0.1", fleet.port, context)
        try:
            await connection.send({"op": "join", "protocol": PROTOCOL, "instance": f"d{number}", **join})
            await asyncio.wait_for(_work(connection, rng, tally), rng.expovariate(1 / STAY_SECS))
        except TimeoutError:
            tally.drops += 1
        except ConnectionLostError:
            pass
        finally:
            connection.close()
        await asyncio.sleep(AWAY_SECS)


async def _work(connection: Connection, rng: random.Random, tally: _Tally) -> None:
    jobs: asyncio.Queue[Job] = asyncio.Queue()
    await run_until_first_ends(_take_jobs(connection, jobs), _answer(connection, jobs, rng, tally), _signal_life(connection))


async def _answer(connection: Connection, jobs: "asyncio.Queue[Job]", rng: random.Random, tally: _Tally) -> None:
    while True:
        job = await jobs.get()
        tally.waits.append(time.monotonic() - float(job.stdin))
        await asyncio.sleep(TRIAL_SECS * rng.uniform(0.5, 1.5))
        await connection.send(JobResult(identity=job.identity, ending=Ending.EXITED).to_message())


async def _signal_life(connection: Connection) -> None:
    while True:
        await connection.send({"op": "alive", "health": {}})
        await asyncio.sleep(2.0)


async def _take_jobs(connection: Connection, jobs: "asyncio.Queue[Job]") -> None:
    while True:
        message = await connection.receive()
        if message["op"] == "measure":
            await jobs.put(Job.from_message(message))


async def _client(fleet: LocalFleet, number: int, under_way: int, tally: _Tally) -> None:
    """Keeps jobs under way, leaves without a word now and then, and begins anew."""
    rng = random.Random(1000 + number)
    user = f"user{number}"
    context = TlsBundle.read(fleet.bundles[user]).client_context()
    while True:
        connection = await connect("127.0.0.1", fleet.port, context)
        join = {"op": "join", "protocol": PROTOCOL, "role": "client", "name": user, "instance": f"{user} {time.monotonic()}"}
        try:
            await connection.send(join)
            await asyncio.wait_for(_ask(connection, user, under_way, rng, tally), rng.expovariate(1 / STAY_SECS))
        except TimeoutError:
            tally.drops += 1
        except ConnectionLostError:
            pass
        finally:
            connection.close()
        await asyncio.sleep(AWAY_SECS)


async def _ask(connection: Connection, user: str, under_way: int, rng: random.Random, tally: _Tally) -> None:
    for number in range(under_way):
        await _submit(connection, f"{number}", rng)
    await run_until_first_ends(_go_on(connection, user, under_way, rng, tally), _signal_life(connection))


async def _go_on(connection: Connection, user: str, number: int, rng: random.Random, tally: _Tally) -> None:
    """A new job for each that is done."""
    while True:
        message = await connection.receive()
        if message["op"] == "result":
            tally.done[user] += 1
            await _submit(connection, f"{number}", rng)
            number += 1


async def _submit(connection: Connection, identity: str, rng: random.Random) -> None:
    data = Blob.of(rng.randbytes(PAYLOAD_BYTES))
    for message in blob_messages(data.digest, data.data):
        await connection.send(message)
    now = repr(time.monotonic()).encode()
    job = Job(identity=identity, key="board", program=data.digest, files=(), stdin=now, candidate=data.digest)
    await connection.send(job.to_message("submit"))
