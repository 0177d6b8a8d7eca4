"""One slot of a builder: a connection to the tracker that takes one order after the other. Comes back for ever when it is lost.

In: orders from the tracker. Out: their outcomes. The builds themselves are done by `build_bench.py`, which all slots share.
"""

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fleet import (
    BUILD_KEY,
    MAX_OUTPUT_BYTES,
    ConnectionLostError,
    Ending,
    Job,
    JobResult,
    MessageError,
    RefusedError,
    Role,
    TrackerPlace,
)
from fleet.backoff import Backoff
from fleet.membership import Membership, unknown_operation
from fleet.messages import Message, text_of
from measure.child_pool import Outcome, OutcomeKind
from measure.measurement import MeasureStatus
from measure.remote_builds.build_bench import BuildBench
from measure.remote_builds.build_text import BuildOrder, outcome_to_bytes
from measure.remote_builds.builder_version import describe_builder, version_text

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotOptions:
    """name: for people. number: of the slot, among those of this process, which are more than its workers."""

    place: TrackerPlace
    name: str
    number: int


class BuilderMember(Membership):
    """One connection of one slot."""

    def __init__(self, options: SlotOptions, bench: BuildBench, say: Say) -> None:
        super().__init__(options.place, Role.BUILDER)
        self._options = options
        self._bench = bench
        self._say = say
        self._waiting: deque[Job] = deque()
        self._aborted: set[str] = set()
        self._changed = asyncio.Event()

    def introduction(self) -> dict[str, Any]:
        return {
            "name": self._options.name,
            "instance": f"{socket.gethostname()} {os.getpid()} {BUILD_KEY} {self._options.number}",
            "key": BUILD_KEY,
            "target": "",
            "device": describe_builder().to_json(),
        }

    def health(self) -> dict[str, float | int | str]:
        return {"load": round(os.getloadavg()[0], 2)}

    def welcomed(self, name: str) -> None:
        self._say(f"builder {name} is at {self._options.place.address} with {version_text(describe_builder())}")

    def handle(self, message: Message) -> None:
        match message["op"]:
            case "measure":
                self._waiting.append(Job.from_message(message))
                self._changed.set()
            case "abort":
                identity = text_of(message, "identity")
                if any(job.identity == identity for job in self._waiting):
                    self._aborted.add(identity)
            case _:
                raise unknown_operation(message)

    async def work(self) -> None:
        while True:
            while not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            job = self._waiting.popleft()
            self.outbox.send((await self._answer(job)).to_message())

    async def _answer(self, job: Job) -> JobResult:
        if job.identity in self._aborted:
            self._aborted.remove(job.identity)
            return JobResult(identity=job.identity, ending=Ending.REFUSED, text="nobody waits for it any more")
        try:
            outcome = await self._bench.build(BuildOrder.from_bytes(job.stdin), job.timeout_secs)
        except MessageError as error:
            return JobResult(identity=job.identity, ending=Ending.REFUSED, text=str(error))
        output = outcome_to_bytes(outcome)
        if len(output) > MAX_OUTPUT_BYTES:
            output = outcome_to_bytes(_too_large(len(output), outcome.secs))
        return JobResult(identity=job.identity, ending=Ending.EXITED, output=output, secs=outcome.secs)


def _too_large(size: int, secs: float) -> Outcome:
    text = f"the kernel takes {size} bytes, of which a builder sends at most {MAX_OUTPUT_BYTES}"
    return Outcome(kind=OutcomeKind.DONE, reply={"status": MeasureStatus.COMPILE_ERROR, "error": text}, secs=secs)


async def keep_slot(options: SlotOptions, bench: BuildBench) -> None:
    """For ever; raises `MeasureError` where builds cannot be done here at all, `FleetError` where the tracker's place cannot be used."""
    backoff, said = Backoff(), ""

    def say(text: str) -> None:
        nonlocal said
        if options.number == 0 and text != said:
            said = text
            sys.stderr.write(f"tilewright builder: {text}\n")
            sys.stderr.flush()

    while True:
        member = BuilderMember(options, bench, say)
        try:
            await member.run()
        except (ConnectionLostError, RefusedError, MessageError) as error:
            say(str(error))
        await asyncio.sleep(backoff.next_secs())
