"""ONNX's node tests, through ONNX's runner, on graphs evaluated by the operators' numpy references."""

import pytest
from onnx.backend.test.runner import Runner

from compiler.graph import evaluate
from tests.compiler.frontends.onnx_backend import backend_tests, case_data, exclusions, load_case, node_cases

OnnxNodeTest = backend_tests(evaluate, __name__)


def test_at_least_95_percent_are_not_excluded() -> None:
    assert set(exclusions()) <= set(node_cases())
    assert len(exclusions()) <= 0.05 * len(node_cases())


@pytest.mark.parametrize("name", exclusions())
def test_exclusion_is_still_needed(name: str) -> None:
    case = node_cases()[name]
    with pytest.raises(Exception, match=r"not supported|Not equal|depends on"):  # noqa: PT012
        for inputs, expected in case_data(case):
            graph, values = load_case(case.model, inputs)
            Runner.assert_similar_outputs(expected, evaluate(graph, values), case.rtol, case.atol)
