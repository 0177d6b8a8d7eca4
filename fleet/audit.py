"""The audit log: one JSON object a line, of who came, who was refused and why, and what was run for whom.

In: events. Out: a file that is rotated at 16 MiB (four old ones stay), or standard error.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from fleet.errors import FleetError

FILE_BYTES = 16 << 20
OLD_FILES = 4
MAX_FIELD = 500


class AuditLog:
    def __init__(self, path: Path | None = None) -> None:
        try:
            self._handler: logging.Handler = (
                logging.StreamHandler(sys.stderr)
                if path is None
                else RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=OLD_FILES, encoding="utf-8")
            )
        except OSError as error:
            raise FleetError(f"cannot write the audit log {path}: {error}") from error

    def write(self, event: str, **fields: str | int | float) -> None:
        """What others sent stands in JSON strings of bounded length, so that no line can be forged."""
        cut = {name: value[:MAX_FIELD] if isinstance(value, str) else value for name, value in fields.items()}
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **cut})
        self._handler.handle(logging.makeLogRecord({"msg": line, "name": "tilewright.audit"}))

    def close(self) -> None:
        self._handler.close()
