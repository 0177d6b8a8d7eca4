"""ONNX's node tests, through ONNX's runner, on machine code compiled by default schedules.

The cases and the exclusions are those of `tests/compiler/frontends/onnx_backend.py`: what the frontend reads is what compiles.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from numpy.typing import NDArray

from compiler.driver import NoSchedules, ObjectCache, compile_model
from compiler.graph import Graph
from compiler.target import Target
from schedule_space import default_schedule
from tests.compiler.frontends.onnx_backend import backend_tests

Array = NDArray[Any]


@cache
def object_cache() -> ObjectCache:
    """In the session's cache folder, shared by all workers: many cases compile the same kernels."""
    return ObjectCache()


def run_compiled(graph: Graph, inputs: Mapping[str, Array]) -> Sequence[Array]:
    executable = compile_model(
        graph, Target.parse("host"), NoSchedules(), device=None, default_schedule=default_schedule, threads=1, cache=object_cache()
    )
    return executable.run(inputs)


OnnxNodeTest = backend_tests(run_compiled, __name__)
