"""Brings the jobs of clients to devices and the results back: the shell around `job_queue.py`.

    submit -> its files are here, or `want` asks the client for them -> `JobQueue` -> device -> result -> client

What comes from a connection that has ended since finds nothing here and does nothing.
"""

from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any, Protocol

from fleet.audit import AuditLog
from fleet.blob_store import BlobStore
from fleet.device import Device
from fleet.errors import MessageError
from fleet.messages import DeviceRow, Ending, Job, JobResult, Message
from fleet.tracker.job_queue import DeviceSlot, JobQueue, losses_allowed
from fleet.tracker.lanes import Place, QueuedJob
from fleet.tracker.options import TrackerOptions

OVERTIME_SECS = 60.0  # that a device may take beyond the job's own limit, for files on a slow line and for its sandbox


class ClientPort(Protocol):
    """A client, as far as jobs are concerned. name: unique. instance: the same when the client comes back before it was missed."""

    name: str
    instance: str
    user: str

    def tell(self, message: Message) -> None: ...
    def close(self) -> None: ...


class DevicePort(Protocol):
    """A device, as far as jobs are concerned."""

    name: str
    instance: str
    key: str
    target: str
    device: Device
    health: dict[str, float | int | str]

    @property
    def silent_secs(self) -> float: ...
    def measure(self, queued: QueuedJob) -> None: ...
    def abort(self, queued: QueuedJob) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class _Incomplete:
    """A job whose files are not all here."""

    job: Job
    client: ClientPort
    missing: set[str]


class Exchange:
    def __init__(self, options: TrackerOptions, audit: AuditLog, store: BlobStore) -> None:
        self.store = store
        self._options = options
        self._audit = audit
        self._queue = JobQueue()
        self._clients: dict[str, ClientPort] = {}
        self._devices: dict[str, DevicePort] = {}
        self._incomplete: dict[Place, _Incomplete] = {}
        self._deadlines: dict[str, tuple[Place, float]] = {}  # by device: its first job, and when the device counts as hung
        self._load: dict[str, int] = {}  # jobs by client
        self._numbers = count(2)

    @property
    def silence_secs(self) -> float:
        return self._options.silence_secs

    def add_client(self, client: ClientPort, wish: str) -> None:
        for old in [old for old in self._clients.values() if old.instance == client.instance]:
            self.remove_client(old)
            old.close()
        client.name = self._new_name(wish)
        self._clients[client.name] = client
        self._load[client.name] = 0

    def remove_client(self, client: ClientPort) -> None:
        """Its jobs are given up; a device that is at one of them is told to stop."""
        if self._clients.get(client.name) is not client:
            return
        incomplete = [place for place in self._incomplete if place[0] == client.name]
        for place in (*incomplete, *self._queue.places_of(client.name)):
            self.cancel(client, place[1])
        self.store.drop_source(client.name)
        del self._clients[client.name], self._load[client.name]

    def add_device(self, device: DevicePort, wish: str) -> None:
        for old in [old for old in self._devices.values() if old.instance == device.instance]:
            self.remove_device(old)
            old.close()
        device.name = self._new_name(wish)
        self._devices[device.name] = device
        self._queue.add_device(DeviceSlot(device.name, device.key, device.device.model, device.device.fingerprint))

    def serve(self, device: DevicePort) -> None:
        """The device has been welcomed: it can have jobs."""
        self._assign(device.key)

    def remove_device(self, device: DevicePort) -> None:
        """What it had goes back to the queue."""
        if self._devices.get(device.name) is not device:
            return
        del self._devices[device.name]
        self._deadlines.pop(device.name, None)
        lost = self._queue.lose_device(device.name)
        for queued in lost.requeued:
            self._audit.write("requeue", user=queued.user, key=device.key, device=device.name, candidate=queued.job.candidate)
        for queued in lost.quarantined:
            self._quarantined(queued.client, queued.user, queued.job, device.device.model)
        self._assign(device.key)

    def submit(self, client: ClientPort, job: Job) -> None:
        """The same job again, from the same client, is the same job."""
        place = (client.name, job.identity)
        if self._queue.is_known(place) or place in self._incomplete:
            return
        if self._load[client.name] >= self._options.max_jobs:
            raise MessageError(f"more than {self._options.max_jobs} jobs at a time")
        self._load[client.name] += 1
        self.store.pin(job.digests)
        if missing := self.store.missing(job.digests):
            self._incomplete[place] = _Incomplete(job, client, set(missing))
            client.tell({"op": "want", "digests": missing})
        else:
            self._enqueue(client, job)

    def arrived(self, digest: str) -> None:
        """A file is complete; jobs that only lacked it can go."""
        for place, waiting in list(self._incomplete.items()):
            waiting.missing.discard(digest)
            if not waiting.missing:
                del self._incomplete[place]
                self._enqueue(waiting.client, waiting.job)

    def cancel(self, client: ClientPort, identity: str) -> None:
        place = (client.name, identity)
        queued, slot = self._queue.cancel(place)
        incomplete = self._incomplete.pop(place, None)
        if incomplete is not None:
            self._settle(client.name, incomplete.job)
        elif queued is not None:
            self._settle(client.name, queued.job)
        elif slot is not None:
            self._devices[slot.name].abort(next(queued for queued in slot.jobs if queued.place == place))

    def finish(self, device: DevicePort, place: Place, result: JobResult) -> None:
        """A result of what the device was really at; its client is told, if it still is there."""
        queued = self._queue.finish(device.name, place)
        if queued is None:
            return
        self._deadlines.pop(device.name, None)
        self._audit.write(
            "job",
            user=queued.user,
            key=device.key,
            device=device.name,
            candidate=queued.job.candidate,
            ending=result.ending.value,
            code=result.code,
            secs=round(result.secs, 4),
        )
        self._answer(queued.client, queued.job, replace(result, device=device.name))
        self._assign(device.key)

    def tick(self, now: float) -> None:
        """Ends what has waited too long: jobs without a device, devices that hang."""
        for queued in self._queue.take_stranded(now, self._options.patience_secs):
            if self._queue.is_quarantined(queued.job):
                self._quarantined(queued.client, queued.user, queued.job, "this model")
            else:
                self._answer(queued.client, queued.job, JobResult(identity="", ending=Ending.NO_DEVICE, text=self._no_device(queued.job)))
        for slot in self._queue.devices.values():
            self._watch(slot, now)

    def rows(self) -> list[dict[str, Any]]:
        """One for each device."""
        return [asdict(self._row(device)) for device in self._devices.values()]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        for device in self._devices.values():
            device.close()

    def _row(self, device: DevicePort) -> DeviceRow:
        slot = self._queue.devices[device.name]
        return DeviceRow(
            name=device.name,
            key=device.key,
            target=device.target,
            device=device.device.to_json(),
            fingerprint=device.device.fingerprint,
            busy=slot.jobs[0].user if slot.jobs else "",
            queued=self._queue.queued(device.key),
            seen_secs_ago=round(device.silent_secs, 1),
            health=device.health,
        )

    def _enqueue(self, client: ClientPort, job: Job) -> None:
        if self._queue.is_quarantined(job):
            self._quarantined(client.name, client.user, job, "this model")
            return
        self._queue.submit(job, client.name, client.user)
        self._assign(job.key)

    def _assign(self, key: str) -> None:
        for slot, queued in self._queue.assign(key):
            self._devices[slot.name].measure(queued)

    def _watch(self, slot: DeviceSlot, now: float) -> None:
        """A device that signals life and does not answer is cut off; it comes back as a new one."""
        if not slot.jobs:
            return
        first = slot.jobs[0]
        place, deadline = self._deadlines.get(slot.name, (None, 0.0))
        if place != first.place:
            self._deadlines[slot.name] = (first.place, now + first.job.timeout_secs + OVERTIME_SECS)
        elif now > deadline:
            self._audit.write("hung", device=slot.name, candidate=first.job.candidate)
            self._devices[slot.name].close()

    def _quarantined(self, client: str, user: str, job: Job, model: str) -> None:
        self._audit.write("quarantine", user=user, candidate=job.candidate, model=model)
        text = f"quarantined: {losses_allowed(job)} times a device of {model} vanished, hung or restarted while it ran; it is not run again"
        self._answer(client, job, JobResult(identity="", ending=Ending.QUARANTINED, text=text))

    def _no_device(self, job: Job) -> str:
        keys = self._queue.keys()
        known = f"devices that are here have the keys: {', '.join(keys)}" if keys else "no device is here"
        like = " like the one that the session began with" if job.fingerprint and job.key in keys else ""
        return f"no device with the key {job.key!r}{like} for {self._options.patience_secs:.0f} s; {known}"

    def _answer(self, client: str, job: Job, result: JobResult) -> None:
        port = self._clients.get(client)
        if port is not None:
            port.tell(result.to_message() | {"identity": job.identity})
        self._settle(client, job)

    def _settle(self, client: str, job: Job) -> None:
        self.store.unpin(job.digests)
        if client in self._load:
            self._load[client] -= 1

    def _new_name(self, wish: str) -> str:
        """Nor one of a client that is gone while a device still has to give up its jobs: it may be back, and ask for the same ones."""
        taken = self._clients.keys() | self._devices.keys()
        name = wish
        while name in taken or self._queue.places_of(name):
            name = f"{wish}-{next(self._numbers)}"
        return name
