"""Inner loops are found in assembly, and llvm-mca's prediction for them is read."""

import subprocess
import sys

import pytest

from benchmarks.cortex_a53 import published_tile
from benchmarks.inner_loop import find_inner_loop, find_mca, predicted_cycles
from compiler.errors import ToolchainError

ASSEMBLY = """kernel:
.LBB0_1:                                // =>This Loop Header: Depth=1
                                        //     Child Loop BB0_2 Depth 2
\tmov\tx8, x9
\tfmla\tv3.4s, v0.4s, v1.4s
\tfmla\tv4.4s, v0.4s, v1.4s
\tfmla\tv5.4s, v0.4s, v1.4s
.LBB0_2:                                // %loop
                                        //   Parent Loop BB0_1 Depth=1
                                        // =>  This Inner Loop Header: Depth=2
\tldr\tq0, [x8], #16                      // 16-byte Reload
\tfmla\tv3.4s, v0.4s, v1.s[0]
\tfmla\tv3.2s, v0.2s, v1.s[0]
\tcmp\tx8, x10
\tb.lt\t.LBB0_2
// %bb.3:                               // %done
                                        //   in Loop: Header=BB0_1 Depth=1
\tb.ne\t.LBB0_1
\tret
"""


def mca_or_skip() -> None:
    try:
        find_mca()
    except ToolchainError as error:
        pytest.skip(str(error))


def test_the_deepest_loop_that_multiplies_and_adds() -> None:
    loop = find_inner_loop(ASSEMBLY)
    assert loop.instructions == ("ldr\tq0, [x8], #16", "fmla\tv3.4s, v0.4s, v1.s[0]", "fmla\tv3.2s, v0.2s, v1.s[0]", "cmp\tx8, x10")
    assert (loop.multiply_adds, loop.spills) == (1, 1)


def test_no_loop() -> None:
    with pytest.raises(ValueError, match="no loop"):
        find_inner_loop("f:\n\tret\n")


@pytest.mark.parametrize(("arch", "multiply_adds", "others"), [("aarch64", 24, 18), ("armv7", 16, 12)])
def test_the_published_tiles(arch: str, multiply_adds: int, others: int) -> None:
    for interleaved in (False, True):
        loop = published_tile(arch, interleaved)
        assert (loop.multiply_adds, len(loop.instructions) - loop.multiply_adds) == (multiply_adds, others)
        assert len(set(loop.instructions)) == len(loop.instructions)


def test_independent_multiply_adds_take_a_cycle_each() -> None:
    mca_or_skip()
    lines = [f"fmla v{number}.4s, v30.4s, v31.4s" for number in range(24)]
    assert predicted_cycles(lines, "aarch64", "cortex-a53") / 24 == pytest.approx(1.0, rel=0.02)


def test_what_the_simulator_refuses() -> None:
    mca_or_skip()
    with pytest.raises(ToolchainError, match=r"llvm-mca.*-mcpu=cortex-a53.*: .*error"):
        predicted_cycles(["no such instruction"], "aarch64", "cortex-a53")


def test_the_program() -> None:
    mca_or_skip()
    done = subprocess.run([sys.executable, "-m", "benchmarks.cortex_a53", "--quick"], capture_output=True, text=True, check=True)
    assert "Predicted, never measured" in done.stdout
    assert "XNNPACK's 6x8 tile" in done.stdout
    assert "| direct, default: tile_oc" in done.stdout
