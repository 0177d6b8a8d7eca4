"""Builds that misbehave where the schedule's first step unrolls a loop of that name; all others are built as ever."""

import ctypes
import os
import time

from measure.build_job import BuildJobs
from measure.frames import Frame


class PlantedBuilds(BuildJobs):
    def handle(self, job: Frame) -> Frame:
        steps = job.header["schedule"]["steps"]
        match steps[0][1] if steps else "":
            case "segfault":
                ctypes.string_at(0)
            case "llvm gives up":
                os.write(2, b"LLVM ERROR: Cannot select: t7: v3f32\n")
                os.abort()
            case str(name) if name.startswith("slow"):
                time.sleep(0.5)
            case "too large":
                return Frame({"status": "ok"}, bytes(7 << 20))
            case "hang":
                time.sleep(600)
            case "eat memory":
                bytearray(64 << 30)
            case "defect":
                raise KeyError("loop")
        return super().handle(job)


def make_jobs() -> PlantedBuilds:
    return PlantedBuilds()
