"""The tests in `tests/compiler/ops` that use the fixture `check`, to be collected again where `check` means something else."""

import inspect
from collections.abc import Callable, Mapping

from tests.compiler.ops import (
    test_broadcast,
    test_conv,
    test_data_movement,
    test_elementwise,
    test_matmul,
    test_normalize,
    test_pool,
    test_recurrent,
    test_reduce,
    test_resize,
)

MODULES = (
    test_broadcast,
    test_conv,
    test_data_movement,
    test_elementwise,
    test_matmul,
    test_normalize,
    test_pool,
    test_recurrent,
    test_reduce,
    test_resize,
)


def operator_tests() -> Mapping[str, Callable[..., None]]:
    """By name: the module's and the function's."""
    return {
        f"{module.__name__.rpartition('.')[2]}_{name.removeprefix('test_')}": function
        for module in MODULES
        for name, function in vars(module).items()
        if name.startswith("test_") and "check" in inspect.signature(function).parameters
    }
