"""Tune a single matrix product, with no model around it: `python -m examples.tune_one_matmul [TRIALS]`.

A workload is what is tuned: here it is made by hand. Shows every search strategy on the same budget.
"""

import sys

import numpy as np

import tilewright as tw
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from tuner import STRATEGIES

SIZE = 512


def matmul(size: int) -> Workload:
    """Square matrices; the second one is constant, as weights are, and may be repacked."""
    kind = TensorType((size, size), np.dtype(np.float32))
    product = GroupOp("matmul", (("arg", 0), ("arg", 1)), {"transpose_a": False, "transpose_b": False})
    return Workload((Argument(kind), Argument(kind, constant=True)), (product,))


def main(trials: int = 64) -> None:
    for strategy in STRATEGIES:
        with tw.Database("sqlite://") as database:  # in memory: every strategy starts with nothing
            result = tw.tune({matmul(SIZE): 1}, database=database, trials=trials, threads=1, tuner=strategy)
        (task,) = result.tasks
        if task.best_secs is None:
            print(f"{strategy:6} no candidate ran")
        else:
            rate = 2e-9 * SIZE**3 / task.best_secs
            print(f"{strategy:6} {task.best_secs * 1e3:6.3f} ms, {rate:5.1f} GFLOP/s, after {task.trials} trials")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
