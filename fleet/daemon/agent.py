"""The daemon's second process: talks to the tracker, keeps the files of jobs, and has the supervisor run them one at a time.

    tracker --blob, measure, abort--> agent --"run"--> supervisor            agent --result, alive--> tracker

Ends when the connection does; the supervisor then starts another. In: the arguments that `supervisor.py` gives it.
"""

import asyncio
import os
import socket
import sys
import time
from contextlib import suppress

from fleet.address import check_exposure
from fleet.audit import AuditLog
from fleet.blob_store import BlobStore
from fleet.daemon.health import read_health
from fleet.daemon.job_desk import JobDesk
from fleet.daemon.options import DaemonOptions
from fleet.daemon.sandbox import Sandbox, choose_kind
from fleet.daemon.supervisor import UNUSABLE_EXIT_CODE, die_with_parent
from fleet.daemon.supervisor_link import SupervisorLink
from fleet.device import describe_host
from fleet.errors import ConnectionLostError, FleetError, MessageError, RefusedError
from fleet.messages import PROTOCOL, Job, Message, text_of
from fleet.outbox import Outbox
from fleet.race import run_until_first_ends
from fleet.tls import Role, TlsBundle
from fleet.wire import Connection, connect

ALIVE_SECS = 2.0
BEAT_SECS = 1.0
LOST_EXIT_CODE = 75


class Agent:
    """One connection to the tracker."""

    def __init__(self, options: DaemonOptions, link: SupervisorLink, audit: AuditLog) -> None:
        self._options = options
        self._link = link
        self._audit = audit
        self._store = BlobStore(options.cache / "files", options.max_blob_bytes, options.cache_bytes)
        self._sandbox = Sandbox(choose_kind(options.sandbox), options.cache / "jobs", options.run_with)
        self._bundle: TlsBundle | None = options.read_bundle()
        self._heard_at = time.monotonic()

    async def run(self) -> None:
        """Until the connection ends; raises what ended it."""
        address = self._options.tracker
        check_exposure(address.host, self._bundle, self._options.insecure)
        connection = await connect(address.host, address.port, None if self._bundle is None else self._bundle.client_context())
        try:
            await self._join(connection)
            self._outbox = Outbox(connection)
            desk = JobDesk(self._options, self._link, self._sandbox, self._store, self._outbox)
            await run_until_first_ends(self._read(connection, desk), self._outbox.run(), self._signal_life(), desk.run())
        finally:
            connection.close()

    async def _join(self, connection: Connection) -> None:
        options = self._options
        await connection.send(
            {
                "op": "join",
                "protocol": PROTOCOL,
                "role": Role.DEVICE.value,
                "name": options.name,
                "instance": f"{socket.gethostname()} {os.getppid()} {options.key}",
                "key": options.key,
                "target": options.target,
                "device": describe_host().to_json(),
                "health": {**read_health(), "sandbox": self._sandbox.kind},
            }
        )
        answer = await connection.receive()
        if answer["op"] != "welcome":
            raise RefusedError(f"the tracker refuses this device: {answer.get('text', answer['op'])}")
        sys.stderr.write(f"device {answer.get('name')} serves {options.key} at {options.tracker}, sandbox {self._sandbox.kind}\n")

    async def _read(self, connection: Connection, desk: JobDesk) -> None:
        while True:
            message = await connection.receive()
            self._heard_at = time.monotonic()
            self._handle(message, desk)

    def _handle(self, message: Message, desk: JobDesk) -> None:
        match message["op"]:
            case "alive":
                pass
            case "blob":
                if self._store.add_piece("tracker", message) is not None:
                    desk.file_arrived()
            case "measure":
                desk.add(Job.from_message(message))
            case "abort":
                desk.abort(text_of(message, "identity"))
            case "refused":
                raise RefusedError(f"the tracker refuses this device: {message.get('text')}")
            case unknown:
                raise MessageError(f"{unknown!r} is not an operation of trackers"[:200])

    async def _signal_life(self) -> None:
        while True:
            await asyncio.sleep(ALIVE_SECS)
            silent_secs = time.monotonic() - self._heard_at
            if silent_secs > self._options.silence_secs:
                raise ConnectionLostError(f"nothing was heard of the tracker for {silent_secs:.0f} s")
            self._outbox.send({"op": "alive", "health": {**read_health(), "sandbox": self._sandbox.kind}})


async def _main(options: DaemonOptions, descriptor: int) -> int:
    audit = AuditLog(options.audit)
    link = await SupervisorLink.open(descriptor)
    beating = asyncio.create_task(link.beat(BEAT_SECS))
    try:
        agent = Agent(options, link, audit)
        await agent.run()
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
