"""The daemon's second process: talks to the tracker, keeps the files of jobs, and has the supervisor run them one at a time.

    tracker --blob, measure, abort--> agent --"run"--> supervisor            agent --result, alive--> tracker

Ends when the connection does; the supervisor then starts another. In: the arguments that `supervisor.py` gives it.
"""

import asyncio
import os
import socket
import sys
from contextlib import suppress
from typing import Any

from fleet.audit import AuditLog
from fleet.blob_store import BlobStore
from fleet.daemon.health import Health, read_health
from fleet.daemon.job_desk import JobDesk
from fleet.daemon.options import DaemonOptions
from fleet.daemon.sandbox import Sandbox, choose_kind
from fleet.daemon.supervisor import UNUSABLE_EXIT_CODE, die_with_parent
from fleet.daemon.supervisor_link import SupervisorLink
from fleet.device import describe_host
from fleet.errors import ConnectionLostError, FleetError, MessageError, RefusedError
from fleet.membership import Membership, unknown_operation
from fleet.messages import Job, Message, text_of
from fleet.tls import Role

BEAT_SECS = 1.0
LOST_EXIT_CODE = 75


class Agent(Membership):
    def __init__(self, options: DaemonOptions, link: SupervisorLink) -> None:
        super().__init__(options.tracker_place(), Role.DEVICE)
        self._options = options
        self._link = link
        self._store = BlobStore(options.cache / "files", options.max_blob_bytes, options.cache_bytes)
        self._sandbox = Sandbox(choose_kind(options.sandbox), options.cache / "jobs", options.run_with)

    def introduction(self) -> dict[str, Any]:
        options = self._options
        return {
            "name": options.name,
            "instance": f"{socket.gethostname()} {os.getppid()} {options.key}",
            "key": options.key,
            "target": options.target,
            "device": describe_host().to_json(),
        }

    def health(self) -> Health:
        return {**read_health(), "sandbox": self._sandbox.kind}

    def welcomed(self, name: str) -> None:
        options = self._options
        self._desk = JobDesk(options, self._link, self._sandbox, self._store, self.outbox)
        sys.stderr.write(f"device {name} serves {options.key} at {options.tracker}, sandbox {self._sandbox.kind}\n")

    def handle(self, message: Message) -> None:
        match message["op"]:
            case "blob":
                if self._store.add_piece("tracker", message) is not None:
                    self._desk.file_arrived()
            case "measure":
                self._desk.add(Job.from_message(message))
            case "abort":
                self._desk.abort(text_of(message, "identity"))
            case _:
                raise unknown_operation(message)

    async def work(self) -> None:
        await self._desk.run()


async def _main(options: DaemonOptions, descriptor: int) -> int:
    audit = AuditLog(options.audit)
    link = await SupervisorLink.open(descriptor)
    beating = asyncio.create_task(link.beat(BEAT_SECS))
    try:
        await Agent(options, link).run()
    except (ConnectionLostError, RefusedError) as error:
        sys.stderr.write(f"tilewright device: {error}\n")
    except MessageError as error:
        audit.write("refused", peer=str(options.tracker), reason=str(error))
    except FleetError as error:
        sys.stderr.write(f"tilewright device: {error}\n")
        return UNUSABLE_EXIT_CODE
    finally:
        beating.cancel()
    return LOST_EXIT_CODE


def main() -> None:
    """Arguments: the options as JSON, the descriptor of the socket to the supervisor."""
    die_with_parent(os.getppid())
    options = DaemonOptions.from_json(sys.argv[1])
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(_main(options, int(sys.argv[2]))))
