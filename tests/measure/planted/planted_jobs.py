"""Jobs that misbehave on demand, run by a real child server in place of a build or a measurement."""

import ctypes
import os
import signal
import subprocess
import sys
import time

from measure.frames import Frame


class PlantedJobs:
    def __init__(self) -> None:
        self.prepared: list[str] = []

    def warm_up(self) -> None:
        pass

    def prepare(self, job: Frame) -> bool:
        if job.header["do"] == "fail to prepare":
            raise ValueError("no such workload")
        self.prepared.append(job.header["do"])
        return bool(job.header.get("outdates"))

    def handle(self, job: Frame) -> Frame:
        match job.header["do"]:
            case "echo":
                return Frame({"said": job.header["say"], "pid": os.getpid()}, job.blob[::-1])
            case "raise":
                raise ValueError("no good")
            case "segfault":
                ctypes.string_at(0)
            case "abort":
                os.write(2, b"LLVM ERROR: Cannot select: t7: v3f32\n")
                os.abort()
            case "exit":
                os._exit(3)
            case "spin":
                os.kill(os.getpid(), signal.SIGSTOP)  # like a native loop: no Python code runs any more
            case "sleep":
                time.sleep(job.header["secs"])
            case "eat memory":
                bytearray(4 << 30)
            case "leave a grandchild":
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                return Frame({"pid": child.pid})
            case "talk for ever":
                while True:
                    os.write(1, b"x" * 65536)
            case "answer nonsense":
                for descriptor in range(3, 64):
                    try:
                        os.write(descriptor, b"\xff" * 64)
                    except OSError:
                        continue
        return Frame({})


def make_jobs() -> PlantedJobs:
    return PlantedJobs()
