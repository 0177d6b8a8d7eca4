"""Who is next: the tracker's queue, without sockets, clocks or threads. In: what happened. Out: which device gets which job.

Among the jobs that a device may do, the highest priority is first; within it the user whose turn is longest ago; of one user's the oldest.
A device holds at most two jobs, one that runs and one that waits for it, so that it is not idle for a round trip. The jobs of a lost device
go back to where they stood, and the one that ran is blamed: after two losses on a model of device, the candidate is quarantined there.
A build, which has no way to take its builder down but to fill the machine's memory, is given up after four.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from fleet.messages import BUILD_KEY, Job
from fleet.tracker.lanes import Lane, Lanes, Place, QueuedJob

JOBS_PER_DEVICE = 2
LOSSES_TO_QUARANTINE = 2
LOSSES_OF_BUILDS = 4


@dataclass(slots=True, eq=False)
class DeviceSlot:
    """jobs: in the order in which the device does them; the first one runs."""

    name: str
    key: str
    model: str
    fingerprint: str
    jobs: list[QueuedJob] = field(default_factory=list)

    @property
    def most(self) -> int:
        """Jobs that it may hold. Builds take very different times, so one waits here for whichever of a builder's slots is free first."""
        return 1 if self.key == BUILD_KEY else JOBS_PER_DEVICE

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        return ((self.key, ""), (self.key, self.fingerprint))


@dataclass(frozen=True, slots=True)
class Lost:
    """What the loss of a device meant: the jobs that wait again, and those whose candidate is quarantined now."""

    requeued: tuple[QueuedJob, ...]
    quarantined: tuple[QueuedJob, ...]


class JobQueue:
    """Jobs are told apart by (client, identity), devices by name."""

    def __init__(self) -> None:
        self.devices: dict[str, DeviceSlot] = {}
        self._waiting = Lanes()
        self._holders: dict[Place, DeviceSlot] = {}
        self._with_room: defaultdict[tuple[str, int], dict[str, DeviceSlot]] = defaultdict(dict)  # (key, jobs held) -> by name
        self._models: defaultdict[Lane, Counter[str]] = defaultdict(Counter)  # of the devices that serve a lane
        self._numbers = count()
        self._turns = count(1)
        self._last_turn: dict[str, int] = {}
        self._losses: Counter[tuple[str, str]] = Counter()  # by candidate and model

    def keys(self) -> list[str]:
        return sorted({device.key for device in self.devices.values()})

    def queued(self, key: str) -> int:
        return self._waiting.per_key[key]

    def is_known(self, place: Place) -> bool:
        return place in self._waiting or place in self._holders

    def is_quarantined(self, job: Job) -> bool:
        """Whether every device that may do the job is of a model that the candidate takes down."""
        models = self._models.get((job.key, job.fingerprint))
        return bool(models) and not any(self._may_run(model, job) for model in models or ())

    def add_device(self, device: DeviceSlot) -> None:
        self.devices[device.name] = device
        self._with_room[(device.key, len(device.jobs))][device.name] = device
        for lane in device.lanes:
            self._models[lane][device.model] += 1

    def lose_device(self, name: str) -> Lost:
        """The device is gone, whatever the reason."""
        device = self.devices.pop(name)
        self._with_room[(device.key, len(device.jobs))].pop(name, None)
        if device.jobs:
            self._losses[(device.jobs[0].job.candidate, device.model)] += 1
        for queued in device.jobs:
            del self._holders[queued.place]
        bad = tuple(queued for queued in device.jobs if self.is_quarantined(queued.job))  # asked while its model still counts
        for lane in device.lanes:
            self._models[lane] -= Counter({device.model: 1})
        requeued = tuple(queued for queued in device.jobs if queued not in bad)
        for queued in requeued:
            self._waiting.add(queued)
        return Lost(requeued, bad)

    def submit(self, job: Job, client: str, user: str) -> None:
        self._waiting.add(QueuedJob(job, client, user, next(self._numbers)))

    def assign(self, key: str) -> Iterator[tuple[DeviceSlot, QueuedJob]]:
        """Gives out what devices with the key can take; those without a job come first."""
        for held in range(JOBS_PER_DEVICE):
            for device in list(self._with_room[(key, held)].values()):
                if not self._waiting.per_key[key] or held >= device.most:
                    return
                queued = self._waiting.first(device.lanes, self._last_turn, partial(self._may_run, device.model))
                if queued is not None:
                    self._waiting.remove(queued.place)
                    self._last_turn[queued.user] = next(self._turns)
                    self._holders[queued.place] = device
                    self._resize(device, [*device.jobs, queued])
                    yield device, queued

    def finish(self, name: str, place: Place) -> QueuedJob | None:
        """The device is done with the job; None for one that it does not hold, whose result is of no use."""
        device = self._holders.get(place)
        if device is None or device.name != name:
            return None
        del self._holders[place]
        queued = next(queued for queued in device.jobs if queued.place == place)
        self._resize(device, [other for other in device.jobs if other is not queued])
        return queued

    def cancel(self, place: Place) -> tuple[QueuedJob | None, DeviceSlot | None]:
        """Nobody wants the job any more: the job if it only waited, or else the device that has to give it up and tell."""
        return self._waiting.remove(place), self._holders.get(place)

    def places_of(self, client: str) -> list[Place]:
        return [place for place in (*(queued.place for queued in self._waiting), *self._holders) if place[0] == client]

    def take_stranded(self, now: float, patience_secs: float) -> list[QueuedJob]:
        """Jobs that no device could do for so long; they are out of the queue."""
        stranded = []
        for queued in self._waiting:
            if any(self._may_run(model, queued.job) for model in self._models.get(queued.lane, ())):
                queued.stranded_since = None
            elif queued.stranded_since is None:
                queued.stranded_since = now
            elif now - queued.stranded_since >= patience_secs:
                self._waiting.remove(queued.place)
                stranded.append(queued)
        return stranded

    def _resize(self, device: DeviceSlot, jobs: list[QueuedJob]) -> None:
        self._with_room[(device.key, len(device.jobs))].pop(device.name, None)
        device.jobs = jobs
        self._with_room[(device.key, len(jobs))][device.name] = device

    def _may_run(self, model: str, job: Job) -> bool:
        return self._losses[(job.candidate, model)] < losses_allowed(job)


def losses_allowed(job: Job) -> int:
    """How many devices of a model have to be lost with the job for its candidate to be quarantined there."""
    return LOSSES_TO_QUARANTINE if job.program else LOSSES_OF_BUILDS
