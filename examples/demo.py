"""The whole path on a real model: `make demo`, or `python -m examples.demo`.

Takes the trained text-direction classifier of rapidocr-onnxruntime (a MobileNetV3), tunes it for this machine's CPU, compiles it from the
database, lets it judge a line of text upright and turned over, and times it beside onnxruntime. A second run goes on where the first one
stopped.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

import tilewright as tw
from examples.fetch_package import TEXT_DIRECTION, fetch
from examples.text_line import HEIGHT, LABELS, WIDTH, classifier_input, render
from measure import describe_host
from tilewright.compare_libraries import CompiledModel, compare, with_static_inputs
from tilewright.peers import load_peer
from tilewright.resolve_target import resolve_target

FOLDER = Path("demo-output")
MINUTES = 2.5  # of tuning, over all runs of the demo
LEAST_SHARE = 0.2  # of the minutes; a session ends a little early, and less than this is not worth another one
THREADS = 2
TEXT = "Tilewright 1234"
TOLERANCE = 1e-4


def main(folder: Path = FOLDER, minutes: float = MINUTES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    threads = min(THREADS, tw.Target.parse("host").cores)
    path = fetch(*TEXT_DIRECTION)
    model = tw.load(path, shapes={"x": (1, 3, HEIGHT, WIDTH)})
    print(f"model: {path}\n       {model}")
    with tw.Database(f"sqlite:///{folder / 'tuned.db'}") as database:
        tune(model, database, threads, minutes)
        tuned = tw.compile(model, target="host", database=database, threads=threads)
    untuned = tw.compile(model, target="host", threads=threads)
    tuned.save(folder / "text_direction.so")

    print_schedules(tuned)
    peer = load_peer("onnxruntime").prepare(with_static_inputs(onnx.load(path), model.inputs), threads)
    upright = render(TEXT)
    inputs = {0: classifier_input(upright), 180: classifier_input(upright.rotate(180))}
    for degrees, x in inputs.items():
        (ours,), (theirs,) = tuned.run({"x": x}), peer.run({"x": x})
        judge(degrees, ours, theirs)

    contestants = {"tilewright untuned": CompiledModel(untuned), "tilewright tuned": CompiledModel(tuned), "onnxruntime": peer}
    comparison = compare(contestants, {"x": inputs[0]}, threads, "onnxruntime")
    print(f"one line of text, {threads} threads, interleaved:")
    for name, timing in comparison.timings.items():
        print(f"  {name:18} {timing.median * 1e3:6.3f} ms (minimum {timing.minimum * 1e3:.3f})")


def tune(model: tw.Model, database: tw.Database, threads: int, minutes: float) -> None:
    """Spends what earlier runs have left of the minutes; all of them where this device has no record of some kernel."""
    target, device = resolve_target("host", threads), describe_host()
    known = all(database.best_record(workload, target, device) for workload in model.workloads(target))
    spent = sum((session.ended - session.started).total_seconds() / 60 for session in database.sessions() if session.ended is not None)
    left = minutes - spent if known else minutes
    if left < LEAST_SHARE * minutes:
        trials = sum(database.status_counts().values())
        print(f"tuned already: {trials} trials in {spent:.1f} minutes; remove {database.url.removeprefix('sqlite:///')} to start afresh")
        return
    with tw.show_progress() as progress:
        tw.tune(model, target="host", database=database, minutes=left, threads=threads, on_event=progress)


def print_schedules(executable: tw.Executable) -> None:
    """Where the schedule of each kernel comes from, those with the longest expected time first."""
    print("schedules:")
    kernels = {kernel.workload_key: kernel for kernel in executable.kernels}
    calls = Counter(kernel.workload_key for kernel in executable.kernels)
    for key, kernel in sorted(kernels.items(), key=lambda item: -(item[1].expected_secs or 0.0) * calls[item[0]]):
        expected = f"{kernel.expected_secs * 1e6:8.2f} us" if kernel.expected_secs is not None else " " * 11
        print(f"  {calls[key]} x {expected}  {kernel.schedule_source:24}  {kernel.workload}")


def judge(degrees: int, ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
    """Prints the verdict on one line of text; leaves the program where it is wrong or differs from onnxruntime's."""
    found, confidence = LABELS[int(ours.argmax())], float(ours.max())
    difference = float(np.abs(ours - theirs).max())
    right, equal = found == degrees, difference <= TOLERANCE
    verdict = f"{'right' if right else 'WRONG'}, {'equal to' if equal else 'DIFFERENT from'} onnxruntime ({difference:.0e})"
    print(f"text turned by {degrees:3} degrees: classified as {found:3} with {confidence:.4f}: {verdict}")
    if not (right and equal):
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except tw.TilewrightError as problem:
        sys.exit(f"demo: {problem}")
