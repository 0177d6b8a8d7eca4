"""The agent's end of the socket to its supervisor: run a command, wait for its ending, and signal life meanwhile."""

import asyncio
import json
import socket
from typing import Any

from fleet.daemon.lines import encode_line
from fleet.daemon.sandbox import ChildCommand
from fleet.errors import ConnectionLostError

LINE_BYTES = 16 << 20
OVERTIME_SECS = 15.0


class SupervisorLink:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @staticmethod
    async def open(descriptor: int) -> "SupervisorLink":
        return SupervisorLink(*await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor), limit=LINE_BYTES))

    async def run(self, command: ChildCommand) -> dict[str, Any]:
        """The ending as `ChildEnding.to_json` gives it; raises `ConnectionLostError` if the supervisor is gone or hangs."""
        self._writer.write(encode_line({"op": "run", "command": command.to_json()}))
        try:
            async with asyncio.timeout(command.timeout_secs + OVERTIME_SECS):
                line = await self._reader.readline()
        except TimeoutError as error:
            raise ConnectionLostError("the supervisor does not answer") from error
        if not line:
            raise ConnectionLostError("the supervisor has ended")
        return dict(json.loads(line)["ending"])

    def abort(self) -> None:
        """The command that runs shall end."""
        self._writer.write(encode_line({"op": "abort"}))

    async def beat(self, secs: float) -> None:
        while True:
            self._writer.write(encode_line({"op": "beat"}))
            await asyncio.sleep(secs)
