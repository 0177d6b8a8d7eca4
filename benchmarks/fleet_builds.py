"""Milliseconds that a build takes at a builder, over TLS on loopback, beyond one in a worker process here. Used by `fleet.py`."""

import time
from dataclasses import dataclass
from statistics import median

from benchmarks.fleet_overhead import plain_kernel
from benchmarks.local_fleet import fresh_fleet, wait_for_devices
from measure import ArtifactBuilder, Builder, BuilderOptions, BuildRequest, Built
from measure.remote_builds import RemoteBuilder

BATCH = 4  # builds that are asked for at once, as a search does


@dataclass(frozen=True, slots=True)
class BuildCost:
    """Per build, over batches, of which local and remote ones took turns; one build worker each."""

    builds: int
    local_ms: float
    remote_ms: float
    least_local_ms: float
    least_remote_ms: float

    def __str__(self) -> str:
        least = f"at least {self.least_local_ms:.1f} and {self.least_remote_ms:.1f} ({self.least_remote_ms - self.least_local_ms:+.1f} ms)"
        return f"a build takes {self.local_ms:.1f} ms here, {self.remote_ms:.1f} ms at a builder, {least}"


def measure_builds(builds: int) -> BuildCost:
    """builds: on either side, rounded up to whole batches."""
    request = plain_kernel().request
    with fresh_fleet() as fleet:
        where = ["--tracker", str(fleet.address), "--tls", str(fleet.bundles["builder"])]
        fleet.start("builder", "measure.remote_builds", *where, "--workers", "1")
        with fleet.client() as client, Builder(BuilderOptions(workers=1)) as local:
            wait_for_devices(client, 2)
            with RemoteBuilder(client) as remote:
                places: tuple[ArtifactBuilder, ...] = (local, remote)
                for place in places:
                    _secs_per_build(place, request)
                secs: dict[bool, list[float]] = {False: [], True: []}
                for number in range(-(-builds // BATCH)):
                    for place in places if number % 2 else places[::-1]:
                        secs[place is remote].append(_secs_per_build(place, request))
    here, there = ([1e3 * each for each in secs[remotely]] for remotely in (False, True))
    return BuildCost(BATCH * len(here), median(here), median(there), min(here), min(there))


def _secs_per_build(place: ArtifactBuilder, request: BuildRequest) -> float:
    start = time.perf_counter()
    results = [built for _, built in place.stream([request] * BATCH)]
    elapsed = time.perf_counter() - start
    assert all(isinstance(built, Built) for built in results), results
    return elapsed / BATCH
