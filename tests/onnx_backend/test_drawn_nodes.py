"""ONNX's node tests by schedules drawn from the spaces, for one and two threads, on every target that runs here."""

import pytest
from onnx.backend.test.runner import Runner

from compiler.driver import compile_model
from schedule_space import default_schedule
from tests.compiler.frontends.onnx_backend import case_data, exclusions, load_case, node_cases
from tests.conformance.drawn_schedules import DrawnSchedules, refused_kernels
from tests.conformance.native_check import targets

pytestmark = pytest.mark.slow

SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [name for name in node_cases() if name not in exclusions()])
def test_node(name: str, seed: int) -> None:
    turn, target = divmod(sum(name.encode()) + seed, len(targets()))
    threads = 1 + turn % 2
    case = node_cases()[name]
    for inputs, expected in case_data(case):
        graph, values = load_case(case.model, inputs)
        executable = compile_model(
            graph,
            list(targets().values())[target],
            DrawnSchedules(seed, threads),
            device=None,
            default_schedule=default_schedule,
            threads=threads,
            cache=None,
        )
        assert refused_kernels(executable) == []
        Runner.assert_similar_outputs(expected, executable.run(values), case.rtol, case.atol)
