"""The `check` of the operators' own tests, done by machine code: whatever those tests try is tried here too."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from compiler.ops import Array, get_operator
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from tests.compiler.ops import conftest as operator_tests
from tests.conformance.native_check import NativeChecker, all_variants, some_variant

SWEEP_DRAWS = 1

ort = operator_tests.ort


@pytest.fixture(scope="session")
def checker() -> Iterator[NativeChecker]:
    native = NativeChecker()
    yield native
    native.close()


def workloads_of(op: str, arrays: Sequence[Array], attributes: dict[str, Any]) -> list[Workload]:
    """The operator alone, with variable and with constant operands."""
    group = GroupOp(op, tuple(("arg", position) for position in range(len(arrays))), attributes)
    types = [TensorType(array.shape, array.dtype) for array in arrays]
    result = [Workload(tuple(Argument(each) for each in types), (group,))]
    if len(arrays) > 1:
        result.append(Workload(tuple(Argument(each, position > 0) for position, each in enumerate(types)), (group,)))
    return result


@pytest.fixture(scope="module")
def check(checker: NativeChecker, request: pytest.FixtureRequest) -> Callable[..., tuple[Array, ...]]:
    """`check(op, arrays, key=value, ...)` as in `tests/compiler/ops`: machine code against reference; returns the reference's outputs.

    A module that sets `SWEEP` tries every variant, others one of them, by turns.
    """
    sweep = getattr(request.module, "SWEEP", False)

    def run(op: str, arrays: Sequence[Array], tolerance: float = 0.0, **attributes: Any) -> tuple[Array, ...]:
        del tolerance
        expected = get_operator(op).reference(arrays, attributes)
        if not all(array.size for array in (*arrays, *expected)):
            return expected
        workloads = workloads_of(op, arrays, attributes)
        turn = int(workloads[0].key[:8], 16)
        for workload in workloads if sweep else [workloads[turn % len(workloads)]]:
            variants = all_variants(workload, SWEEP_DRAWS) if sweep else some_variant(workload, turn // len(workloads))
            checker.check(workload, arrays, expected, variants)
        return expected

    return run
