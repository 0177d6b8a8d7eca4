"""A record of another tool, in that tool's words, with as much of it as Tilewright understands.

The readers in `records_db/log_formats` make them of lines; `Database.import_log` keeps them; `Database.foreign_records` gives them back.
Their times are hearsay: measured by other code, on a device that only its target names. No best-record query looks at them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from compiler.workload import Workload, canonical_json
from measure import Device, Measurement
from records_db.record import now

UNKNOWN_CORES = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignTask:
    """What was computed. name: of the operator and its template. arguments: plain JSON."""

    format: str
    name: str
    arguments: Any

    @property
    def canonical(self) -> str:
        """Canonical JSON, the same exactly when the tasks are."""
        return canonical_json({"format": self.format, "name": self.name, "arguments": self.arguments})

    @property
    def key(self) -> str:
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    def __str__(self) -> str:
        """For people: `dense.cuda (1,512)(1000,512)`."""
        shapes = (item[1] for item in self.arguments if isinstance(item, list) and len(item) == 3 and item[0] == "TENSOR")
        return f"{self.name} " + "".join(str(tuple(shape)).replace(" ", "") for shape in shapes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRecord:
    """text: the record as it was read, one line, which its format can read by itself. key: tells it apart from every other record.

    workload: what Tilewright calls the same computation; None where it has no name for it. target: the other tool's text.
    decisions: what the other tool chose, by the names of its own space. line: in the file, from 1. id, session: given by the database.
    """

    text: str
    key: str
    task: ForeignTask
    target: str
    measurement: Measurement
    decisions: Mapping[str, Any]
    workload: Workload | None = None
    line: int = 0
    created: datetime = field(default_factory=now)
    id: int | None = None
    session: int | None = None

    @property
    def device(self) -> Device:
        """No device that anybody can ask for by its model, so that these times meet no others."""
        return Device(model=f"imported: {self.target}", cores=UNKNOWN_CORES)

    @property
    def shown_workload(self) -> str:
        return str(self.workload if self.workload is not None else self.task)


def origin_key(format_name: str, data: Any) -> str:
    """sha256 of a format's name and one of its records, as JSON: blanks and the order of names do not matter."""
    return hashlib.sha256(canonical_json([format_name, data]).encode()).hexdigest()
