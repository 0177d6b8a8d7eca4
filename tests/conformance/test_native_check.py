"""The guards of this folder do guard: kernels that are given buffers that are too short, or too little of anything, are caught."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compiler.runtime import child_environment
from compiler.workload import Workload
from tests.conformance.native_check import NativeChecker, assert_close, default_variant, drawn_variants, reference, targets
from tests.schedule_space.workloads import WORKLOADS, argument, matmul, single

ROOT = Path(__file__).parents[2]
COPY = single("neg", {}, argument(5, 64))
PACKED = matmul((4, 64), (64, 64))


def inputs_of(workload: Workload) -> list[np.ndarray]:
    return [np.ones(each.type.shape, np.float32) for each in workload.arguments]


def check(checker: NativeChecker, workload: Workload, missing: dict[str, int], threads: int = 1) -> None:
    inputs = inputs_of(workload)
    checker.check(workload, inputs, reference(workload, inputs), [default_variant(workload, "host", threads)], missing)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("role", ["argument", "output"])
def test_an_access_past_the_end_is_a_crash_that_names_the_schedule(role: str, threads: int, checker: NativeChecker) -> None:
    check(checker, COPY, {}, threads)
    with pytest.raises(AssertionError, match=r"neg \(5,64\).*died killed by SIG(SEGV|BUS): while running host, . threads, default {"):
        check(checker, COPY, {role: 16}, threads)
    check(checker, COPY, {}, threads)


def test_constants_are_guarded_too(checker: NativeChecker) -> None:
    check(checker, PACKED, {})
    for role in ("packed", "argument"):
        with pytest.raises(AssertionError, match="died killed by SIG"):
            check(checker, PACKED, {role: 16})


def test_a_write_into_the_last_bytes_before_a_page_is_found(checker: NativeChecker) -> None:
    """Buffers end up to 63 bytes before the page: what lies between is looked at."""
    workload = single("neg", {}, argument(5, 63))
    check(checker, workload, {})
    with pytest.raises(AssertionError, match="wrote around output 0"):
        check(checker, workload, {"output": 1})


def test_wrong_numbers_are_told_with_their_schedule(checker: NativeChecker) -> None:
    inputs = inputs_of(PACKED)
    wrong = [output + 1 for output in reference(PACKED, inputs)]
    with pytest.raises(AssertionError, match=r"matmul .*host, 1 threads, default"):
        checker.check(PACKED, inputs, wrong, [default_variant(PACKED, "host", 1)])


def test_comparison() -> None:
    x = np.asarray([1.0, np.inf, np.nan, 1e-9], np.float32)
    assert_close(x, x, "same")
    for other in ([1.1, np.inf, np.nan, 1e-9], [1.0, 3e38, np.nan, 1e-9], [1.0, np.inf, 0.0, 1e-9]):
        with pytest.raises(AssertionError, match="differs"):
            assert_close(np.asarray(other, np.float32), x, "differs")
    with pytest.raises(AssertionError):
        assert_close(np.asarray([1, 2]), np.asarray([1, 3]), "integers")


def test_the_machine_runs_what_is_tried() -> None:
    assert "host" in targets()
    assert len({str(target) for target in targets().values()}) == len(targets())
    drawn = list(drawn_variants(WORKLOADS["conv_blocked"], "host", 2, 5))
    assert len({str(variant.schedule.to_json()) for variant in drawn}) == 5


@pytest.mark.parametrize(
    ("action", "ends"),
    [
        ("buffer.array[3] = 1", 0),
        ("buffer.forbid_writes(); buffer.array[3]", 0),
        ("buffer.forbid_writes(); buffer.array[3] = 1", -signal.SIGSEGV),
        ("ctypes.string_at(buffer.address - 1)", -signal.SIGSEGV if sys.platform == "linux" else -signal.SIGBUS),
        ("ctypes.string_at(buffer.address + buffer.array.nbytes + 64, 1)", -signal.SIGSEGV if sys.platform == "linux" else -signal.SIGBUS),
    ],
)
def test_guarded_buffer(action: str, ends: int) -> None:
    lines = (
        "import ctypes, sys, numpy as np",
        "from tests.conformance.guarded_memory import GuardedBuffer, Placement",
        "placement = Placement.START if '- 1' in sys.argv[1] else Placement.END",
        "buffer = GuardedBuffer(np.dtype(np.float32), 37, placement)",
        "assert buffer.address % 64 == 0 and buffer.is_intact()",
        action,
    )
    words = [sys.executable, "-c", "\n".join(lines), action]
    done = subprocess.run(words, env=child_environment([str(ROOT), *sys.path]), capture_output=True, timeout=60, check=False)
    assert done.returncode == ends, done.stderr.decode()
