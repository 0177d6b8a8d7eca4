"""Jobs between clients and devices, with neither sockets nor processes: who is answered, and what is kept for whom."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet import Blob, Device, Ending, Job, JobResult
from fleet.audit import AuditLog
from fleet.blob_store import BlobStore, blob_messages
from fleet.messages import Message
from fleet.tracker import TrackerOptions
from fleet.tracker.exchange import Exchange
from fleet.tracker.lanes import QueuedJob
from tests.fleet.conftest import QUIET, make_job


class FakeClient:
    def __init__(self, instance: str, user: str = "ann") -> None:
        self.name, self.instance, self.user = "", instance, user
        self.told: list[Message] = []

    def tell(self, message: Message) -> None:
        self.told.append(message)

    def close(self) -> None:
        pass

    @property
    def results(self) -> list[tuple[str, str]]:
        return [(message["identity"], message["ending"]) for message in self.told if message["op"] == "result"]


class FakeDevice:
    """Does nothing by itself."""

    def __init__(self) -> None:
        self.name, self.instance, self.key, self.target = "", "1", "board", ""
        self.device = Device(model="Board", cores=1)
        self.health: dict[str, float | int | str] = {}
        self.silent_secs = 0.0
        self.at: list[QueuedJob] = []
        self.aborted: list[QueuedJob] = []

    def measure(self, queued: QueuedJob) -> None:
        self.at.append(queued)

    def abort(self, queued: QueuedJob) -> None:
        self.aborted.append(queued)

    def close(self) -> None:
        pass


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    options = TrackerOptions(store=tmp_path / "files", max_jobs=2)
    audit = AuditLog(tmp_path / "audit.jsonl")
    yield Exchange(options, audit, BlobStore(options.store, 1 << 20, 1 << 22))
    audit.close()


def enter(exchange: Exchange, instance: str) -> FakeClient:
    client = FakeClient(instance)
    exchange.add_client(client, client.user)
    return client


def bring(exchange: Exchange, client: FakeClient, blob: Blob) -> None:
    for message in blob_messages(blob.digest, blob.data):
        digest = exchange.store.add_piece(client.name, message)
        if digest is not None:
            exchange.arrived(digest)


def result(**options: Any) -> JobResult:
    return JobResult(**{"identity": "", "ending": Ending.EXITED} | options)


def submit(exchange: Exchange, client: FakeClient, identity: str) -> Job:
    job = make_job(identity)
    exchange.submit(client, job)
    return job


def test_a_client_that_comes_back_does_not_get_the_answer_of_a_job_that_was_ended_when_it_went(exchange: Exchange) -> None:
    device = FakeDevice()
    exchange.add_device(device, "one")
    gone = enter(exchange, "1")
    bring(exchange, gone, QUIET)
    submit(exchange, gone, "a")
    (first,) = device.at
    back = enter(exchange, "1")
    assert device.aborted == [first]
    submit(exchange, back, "a")
    exchange.finish(device, first.place, result(ending=Ending.KILLED, text="nobody waits for it any more"))
    assert back.results == []
    second = device.at[-1]
    assert second is not first
    exchange.finish(device, second.place, result())
    assert back.results == [("a", "exited")]
    assert gone.results == []
    assert enter(exchange, "2").name == "ann", "the name is free again"


def test_a_job_that_is_cancelled_before_its_files_are_here_is_forgotten(exchange: Exchange) -> None:
    device = FakeDevice()
    exchange.add_device(device, "one")
    client = enter(exchange, "1")
    for number in range(5):
        job = submit(exchange, client, str(number))
        assert client.told[-1] == {"op": "want", "digests": [QUIET.digest]}
        exchange.cancel(client, job.identity)
    bring(exchange, client, QUIET)
    assert device.at == []
    submit(exchange, client, "wanted")
    assert [queued.job.identity for queued in device.at] == ["wanted"]
