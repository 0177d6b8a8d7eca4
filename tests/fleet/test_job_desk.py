"""A job that nobody waits for any more, wherever at the device it is."""

import asyncio
from pathlib import Path
from typing import Any, cast

from fleet import Address, Blob, Ending
from fleet.blob_store import BlobStore
from fleet.daemon.job_desk import JobDesk
from fleet.daemon.options import DaemonOptions
from fleet.daemon.sandbox import Sandbox
from fleet.daemon.supervisor_link import SupervisorLink
from fleet.messages import Message
from fleet.outbox import Outbox
from tests.fleet.conftest import make_job

WAIT_SECS = 20.0  # less than the desk waits for files


class Sent:
    """Stands for the outbox."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()

    def send(self, message: Message) -> None:
        self.messages.put_nowait(message)

    async def next(self) -> Message:
        return await asyncio.wait_for(self.messages.get(), WAIT_SECS)


def test_a_job_whose_files_are_awaited_can_be_aborted(tmp_path: Path) -> None:
    async def check() -> None:
        sent = Sent()
        options = DaemonOptions(tracker=Address("127.0.0.1", 1), key="toy", name="one", cache=tmp_path)
        store = BlobStore(tmp_path / "files", 1 << 20, 1 << 20)
        link = cast("SupervisorLink", None)  # nothing may be started
        desk = JobDesk(options, link, Sandbox("rlimit", tmp_path / "jobs"), store, cast("Outbox", sent))
        working = asyncio.create_task(desk.run())
        program = Blob.of(b"never sent")
        for name in ("awaited", "queued"):
            desk.add(make_job(name, program))
        assert (await sent.next())["op"] == "want"
        desk.abort("queued")
        desk.abort("awaited")
        for name in ("awaited", "queued"):
            result: dict[str, Any] = dict(await sent.next())
            assert (result["identity"], result["ending"]) == (name, Ending.REFUSED)
            assert "nobody waits" in result["text"]
        working.cancel()

    asyncio.run(check())
