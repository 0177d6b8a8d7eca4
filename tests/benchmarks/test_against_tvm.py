"""The process in TVM's environment: what is left when it does not answer as it should. TVM itself is not needed."""

import argparse
import json
import threading
from pathlib import Path

import pytest

from benchmarks.against_tvm import tvm_worker
from benchmarks.kernel_workloads import KERNELS
from compiler.target import Target

STAND_IN = """#!/bin/sh
echo '{"ready": "0.0"}'
echo nonsense
"""


def test_an_error_in_a_tune_leaves_no_timer_that_the_program_would_wait_for(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    before = set(threading.enumerate())
    options = argparse.Namespace(secs=1.0, tvm_batch=1, seed=0)
    with tvm_worker(str(python), KERNELS["matmul 512"], Target.parse("x86-64-v3"), options) as worker:
        assert worker.version() == "0.0"
        with pytest.raises(json.JSONDecodeError):
            worker.tune()
    for thread in set(threading.enumerate()) - before:
        thread.join(5.0)
    assert set(threading.enumerate()) <= before
