"""How much memory the kernels of a model take their weights from while they are timed."""

from dataclasses import replace

import pytest

from compiler.target import Target
from tilewright.tune_model import MAX_FOOTPRINT, _footprint_bytes

MIB = 1 << 20


@pytest.mark.parametrize(
    ("weights_mib", "cache_mib", "here", "copies"),
    [
        (0, 32, 0, 0),
        (17, 32, 17, 17),
        (32, 32, 32, 32),
        (33, 32, 256, 33),
        (109, 32, 256, 64),
        (500, 32, 256, 64),
        (500, 256, MAX_FOOTPRINT // MIB, 500),
        (5, 0, 0, 0),
    ],
)
def test_weights_beyond_the_last_level_cache_come_from_memory(weights_mib: int, cache_mib: int, here: int, copies: int) -> None:
    """copies: on a board, which has no memory to spare."""
    target = replace(Target.parse("host"), l3_bytes=cache_mib * MIB)
    assert _footprint_bytes(weights_mib * MIB, target, is_here=True) == here * MIB
    assert _footprint_bytes(weights_mib * MIB, target, is_here=False) == copies * MIB
