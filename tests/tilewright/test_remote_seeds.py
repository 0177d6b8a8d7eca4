"""A search that times on another tool's processor, at a tracker, begins with what that tool found."""

import lzma
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tilewright as tw
from compiler.target import Target
from measure import ArtifactBuilder, Built, Device, Measurement, RunLimits, Runner, RunnerOptions
from tests.tuner.test_seed_from_imported import LOG, convolution
from tests.tuner.toy import ToyBuilder, measured
from tuner import TrialDone, make_task, with_seeds

PI = Target.parse("pi3b")


class EveryTimeIsOne:
    device = Device(model="Raspberry Pi 3 Model B", cores=4)

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        del built, limits
        return measured(1.0, verified=True)

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        return [measured(1.0, verified=True) for _ in candidates]


class Board:
    """A `MeasuringPlace` whose builds and times cost nothing."""

    def resolve_target(self, text: str, threads: int | None) -> Target:
        del text, threads
        return PI

    @contextmanager
    def runner(self, builder: ArtifactBuilder, running: RunnerOptions) -> Iterator[tuple[ArtifactBuilder, Runner]]:
        del running
        yield builder, EveryTimeIsOne()


class FreeBuilders(ToyBuilder):
    slots = 2


def test_the_records_of_a_log_come_right_after_the_default(tmp_path: Path) -> None:
    log = tmp_path / "arm.log"
    log.write_bytes(lzma.decompress(LOG.read_bytes()))
    workload = convolution(7, 992, 128, 1, 0)
    events: list[object] = []
    builders = FreeBuilders()
    with tw.Database("sqlite://") as database:
        database.import_log(log)
        expected = with_seeds(make_task(workload, PI), database)
        assert expected.seeds
        tw.tune({workload: 1}, PI, database=database, trials=8, place=Board(), builders=builders, on_event=events.append)
    tried = [event.candidate for event in events if isinstance(event, TrialDone)]
    seeds = [seed for seed in expected.seeds if seed != expected.space.default()]
    assert len(tried) == 8
    assert tried[0] == expected.space.default()
    assert tried[1 : 1 + len(seeds)] == seeds
    assert {request.target for request in builders.requests} == {PI}
