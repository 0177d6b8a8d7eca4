"""TVM's side of `against_tvm.py`: a script for another Python, so it imports nothing of this project.

It tunes one kernel with MetaSchedule until the time is up, then times the best on request. Every answer is a JSON line on stdout:
`{"ready": version}` once TVM is imported, `{"elapsed", "trials", "failed", "best_secs"}` after each batch, `{"done": true}`, and
`{"secs": [...]}` for each line `time CALLS` on stdin. Times are those of TVM's own evaluator. In: a JSON object as the only argument.
"""

import json
import sys
import tempfile
import time
from typing import Any

import numpy as np
import tvm
from tvm import te
from tvm.ir.utils import derived_object
from tvm.s_tir import meta_schedule as ms

BUILD_TIMEOUT_SECS = 120.0  # of MetaSchedule's 30 s a build worker can spend 36 on imports, and then every build times out


def say(**answer: Any) -> None:
    print(json.dumps(answer), file=ANSWERS, flush=True)


def matmul(rows: int, inner: int, columns: int) -> Any:
    a, b = te.placeholder((rows, inner), name="A"), te.placeholder((inner, columns), name="B")
    k = te.reduce_axis((0, inner), name="k")
    c = te.compute((rows, columns), lambda i, j: te.sum(a[i, k] * b[k, j], axis=k), name="C")
    return te.create_prim_func([a, b, c])


def convolution(channels: int, out_channels: int, size: int, kernel: int, lanes: int) -> Any:
    """Blocked activations, weights packed as [out/lanes][in/lanes][ky][kx][lanes of in][lanes of out], padded by kernel // 2."""
    pad = kernel // 2
    data = te.placeholder((1, channels // lanes, size, size, lanes), name="data")
    weight = te.placeholder((out_channels // lanes, channels // lanes, kernel, kernel, lanes, lanes), name="weight")
    padded = te.compute(
        (1, channels // lanes, size + 2 * pad, size + 2 * pad, lanes),
        lambda n, c, y, x, v: te.if_then_else(
            te.all(y >= pad, y < size + pad, x >= pad, x < size + pad), data[n, c, y - pad, x - pad, v], te.const(0.0, "float32")
        ),
        name="padded",
    )
    ic, il = te.reduce_axis((0, channels // lanes), name="ic"), te.reduce_axis((0, lanes), name="il")
    ky, kx = te.reduce_axis((0, kernel), name="ky"), te.reduce_axis((0, kernel), name="kx")
    out = te.compute(
        (1, out_channels // lanes, size, size, lanes),
        lambda n, o, y, x, v: te.sum(padded[n, ic, y + ky, x + kx, il] * weight[o, ic, ky, kx, il, v], axis=[ic, ky, kx, il]),
        name="conv",
    )
    return te.create_prim_func([data, weight, out])


class TimeIsUp(Exception):
    """Raised out of the callback to end a tune."""


@derived_object
class Watch(ms.measure_callback.PyMeasureCallback):  # type: ignore[misc]
    """Tells of each batch; ends the tune when the time is up."""

    def __init__(self, secs: float) -> None:
        super().__init__()
        self.secs = secs
        self.started = time.monotonic()
        self.trials = self.failed = 0
        self.best_secs = float("inf")

    def apply(self, task_scheduler: Any, task_id: Any, measure_candidates: Any, builder_results: Any, runner_results: Any) -> None:
        del task_scheduler, task_id, measure_candidates, builder_results
        elapsed = time.monotonic() - self.started
        for result in runner_results:
            self.trials += 1
            if result.error_msg is not None or not result.run_secs:
                self.failed += 1
                continue
            self.best_secs = min(self.best_secs, *(float(secs) for secs in result.run_secs))
        best = self.best_secs if np.isfinite(self.best_secs) else None
        say(elapsed=elapsed, trials=self.trials, failed=self.failed, best_secs=best)
        if elapsed >= self.secs:
            raise TimeIsUp


def tune(request: dict[str, Any]) -> Any:
    """The machine code of the best, as far as anything ran."""
    function = matmul(*request["shape"]) if request["kind"] == "matmul" else convolution(*request["shape"])
    target = tvm.target.Target({"kind": "llvm", "mcpu": request["cpu"], "num-cores": request["threads"]})
    database = ms.database.MemoryDatabase()
    watch = Watch(request["secs"])
    try:
        ms.tune_tir(
            function,
            target=target,
            work_dir=tempfile.mkdtemp(prefix="tvm-tune-"),
            max_trials_global=1 << 20,
            num_trials_per_iter=request["batch"],
            builder=ms.builder.LocalBuilder(timeout_sec=BUILD_TIMEOUT_SECS),
            database=database,
            measure_callbacks=[ms.measure_callback.AddToDatabase(), watch],
            num_tuning_cores=request["threads"],
            seed=request["seed"],
        )
    except Exception as error:
        if time.monotonic() - watch.started < request["secs"]:
            raise
        print(f"ended: {type(error).__name__}", file=sys.stderr)
    schedule = ms.tir_integration.compile_tir(database, function, target)
    return None if schedule is None else tvm.compile(schedule.mod, target=target).jit()


def timer(module: Any, request: dict[str, Any]) -> Any:
    """calls -> seconds of each."""
    if request["kind"] == "matmul":
        rows, inner, columns = request["shape"]
        shapes: list[tuple[int, ...]] = [(rows, inner), (inner, columns), (rows, columns)]
    else:
        channels, out_channels, size, kernel, lanes = request["shape"]
        blocks = (channels // lanes, out_channels // lanes)
        weight = (blocks[1], blocks[0], kernel, kernel, lanes, lanes)
        shapes = [(1, blocks[0], size, size, lanes), weight, (1, blocks[1], size, size, lanes)]
    rng = np.random.default_rng(0)
    device = tvm.cpu()
    arguments = [tvm.runtime.tensor(rng.standard_normal(shape, dtype=np.float32), device) for shape in shapes]
    return lambda calls: [float(module.time_evaluator("main", device, number=1, repeat=1)(*arguments).mean) for _ in range(calls)]


def main() -> None:
    request = json.loads(sys.argv[1])
    say(ready=tvm.__version__)
    module = tune(request)
    say(done=module is not None)
    if module is None:
        return
    time_calls = timer(module, request)
    for line in sys.stdin:
        say(secs=time_calls(int(line.split()[1])))


ANSWERS = sys.stdout
sys.stdout = sys.stderr  # TVM logs

if __name__ == "__main__":
    main()
