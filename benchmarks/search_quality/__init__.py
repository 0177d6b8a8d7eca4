"""How many trials searches need, found by replaying recorded spaces: `python -m benchmarks.search_quality`."""

from pathlib import Path

from benchmarks.search_quality.record_workload import RecordOptions, WorkloadRecorder
from benchmarks.search_quality.recorded_space import RecordedSpace, recorded_space
from benchmarks.search_quality.recording import Origin, Provenance, Recording, RecordingError, file_name, load_recording, load_recordings
from benchmarks.search_quality.workloads import LabWorkload, lab_workloads

DATA_FOLDER = Path(__file__).parent.parent / "search_data"

__all__ = [
    "DATA_FOLDER",
    "LabWorkload",
    "Origin",
    "Provenance",
    "RecordOptions",
    "RecordedSpace",
    "Recording",
    "RecordingError",
    "WorkloadRecorder",
    "file_name",
    "lab_workloads",
    "load_recording",
    "load_recordings",
    "recorded_space",
]
