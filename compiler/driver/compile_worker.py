"""A child process that compiles kernels: requests come in on stdin, artifacts or errors go out on stdout, until stdin ends.

A message is a line of JSON, followed by `size` bytes where it has that field. Started by `compile_kernels.py`.
"""

import json
import os
import signal
import sys
from typing import IO, Any

from compiler.driver.compile_kernel import compile_kernel
from compiler.errors import TilewrightError
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload


def send(stream: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    stream.write(json.dumps({**header, "size": len(body)}).encode() + b"\n" + body)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """None at the end of the stream, which may come in the middle of a message."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    header = json.loads(line)
    body = stream.read(header["size"])
    return (header, body) if len(body) == header["size"] else None


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means, and ends this process by closing stdin
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever LLVM prints is no reply
    while (request := receive(sys.stdin.buffer)) is not None:
        header, _ = request
        try:
            workload, schedule = Workload.from_json(header["workload"]), Schedule.from_json(header["schedule"])
            artifact = compile_kernel(workload, schedule, Target.parse(header["target"]))
        except TilewrightError as error:
            send(replies, {"error": type(error).__name__, "text": str(error)})
        else:
            send(replies, {}, artifact.to_bytes())


if __name__ == "__main__":
    main()
