"""A recording of the toy space, made by the recorder with a builder and a runner that compute."""

from pathlib import Path

from benchmarks.search_quality import LabWorkload, Provenance, Recording, RecordOptions, WorkloadRecorder
from tests.tuner.toy import DEVICE, ToyBuilder, ToyRunner, toy_task, toy_workload

PROVENANCE = Provenance(recorded="2026-11-23", device=DEVICE, compiler="0 abc LLVM 22", seed=0, footprint_bytes=0)


def record_toy(trials: int = 200, size: int = 64, network: str = "toynet") -> Recording:
    task = toy_task(size=size)
    runner = ToyRunner([task])
    options = RecordOptions(trials=trials, searches=("xgb", "ga"))
    lab_workload = LabWorkload(f"{network} toy {size}", network, toy_workload(size))
    return WorkloadRecorder(lab_workload, task.space, ToyBuilder(), runner, options, lambda _doing, _trials: None).record(PROVENANCE)


def save_toys(folder: Path) -> list[Path]:
    """Of two networks."""
    return [record_toy(size=size, network=network).save(folder) for size, network in ((64, "anet"), (128, "bnet"))]
