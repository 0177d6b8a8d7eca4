"""A build as it travels: an order as JSON text, its outcome as one frame. Plain data both ways, checked on arrival.

In: `BuildRequest`, `Outcome`. Out: bytes, and back. Both ends use this file: `remote_builder.py` and `builder_member.py`.
"""

import json
from dataclasses import dataclass
from typing import Any

from fleet import MessageError
from measure.child_pool import Outcome, OutcomeKind
from measure.errors import MeasureError
from measure.frames import Frame, FrameError, FrameReader

ORDER_FORMAT = 1
ORDER_FIELDS = frozenset({"workload", "schedule", "target"})
MAX_DEPTH = 64  # of lists and dicts in each other, far more than workloads and schedules have


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """request: what `BuildRequest.to_json` gives, which is all that a build worker is told."""

    request: dict[str, Any]

    def to_bytes(self) -> bytes:
        return json.dumps({"format": ORDER_FORMAT, **self.request}, separators=(",", ":")).encode()

    @staticmethod
    def from_bytes(data: bytes) -> "BuildOrder":
        """Raises `MessageError`."""
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise MessageError(f"a build order that is no JSON: {error}") from error
        if not isinstance(found, dict) or found.keys() != ORDER_FIELDS | {"format"}:
            raise MessageError(f"a build order without the fields {', '.join(sorted(ORDER_FIELDS))}")
        if found.pop("format") != ORDER_FORMAT:
            raise MessageError(f"a build order of another format than {ORDER_FORMAT}")
        if _depth(found) > MAX_DEPTH:
            raise MessageError(f"a build order that is nested deeper than {MAX_DEPTH}")
        return BuildOrder(found)


def _depth(value: object) -> int:
    """Level by level, for what is too deep for JSON is too deep for a function that calls itself."""
    depth, level = 0, [value]
    while containers := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [inner for each in containers for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


def outcome_to_bytes(outcome: Outcome) -> bytes:
    header = {"kind": outcome.kind, "text": outcome.text, "reply": dict(outcome.reply), "secs": outcome.secs}
    return Frame(header, outcome.blob).encode()


def outcome_from_bytes(data: bytes) -> Outcome:
    """Raises `MeasureError` for what no builder of this version sends."""
    try:
        (frame,) = FrameReader().feed(data)
        header = frame.header
        kind, reply = OutcomeKind(header["kind"]), header["reply"]
        if not isinstance(reply, dict) or (kind is OutcomeKind.DONE and "status" not in reply):
            raise ValueError("a reply without a status")
        return Outcome(kind=kind, text=str(header["text"]), reply=reply, blob=frame.blob, secs=float(header["secs"]))
    except (FrameError, ValueError, KeyError, TypeError) as error:
        raise MeasureError(f"a builder answered with what is no outcome of a build: {error}") from error
