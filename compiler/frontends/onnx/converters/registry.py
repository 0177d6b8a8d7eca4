"""ONNX frontend: which converter serves which operator, by domain, name and the opset version since which it holds.

A converter turns one `OnnxNode` into uses of graph operators. It is registered for the version of the operator's specification it
was written for, and serves later opsets until a newer one is registered.
"""

from collections.abc import Callable, Sequence

from compiler.errors import UnsupportedOperator
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value

Converter = Callable[[OnnxNode, FoldingBuilder], Value | Sequence[Value]]

CONVERTERS: dict[tuple[str, str], dict[int, Converter]] = {}


def register_converter(op_type: str, since: int, converter: Converter, domain: str = "") -> None:
    versions = CONVERTERS.setdefault((domain, op_type), {})
    if since in versions:
        raise ValueError(f"the converter of {op_type!r} since opset {since} is registered twice")
    versions[since] = converter


def converts(op_type: str, *, since: int = 1, domain: str = "") -> Callable[[Converter], Converter]:
    """`@converts("Softmax", since=13)`: the function converts that operator from opset 13 on."""

    def register(converter: Converter) -> Converter:
        register_converter(op_type, since, converter, domain)
        return converter

    return register


def find_converter(domain: str, op_type: str, opset: int) -> Converter | None:
    """The newest converter that is not newer than `opset`; None when the operator is unknown."""
    versions = CONVERTERS.get((domain, op_type), {})
    since = max((version for version in versions if version <= opset), default=None)
    return None if since is None else versions[since]


def supported_operators(domain: str = "") -> tuple[str, ...]:
    """Names of all operators with a converter, sorted."""
    return tuple(sorted(op_type for known_domain, op_type in CONVERTERS if known_domain == domain))


def unsupported(domain: str, op_type: str) -> UnsupportedOperator:
    """The error that says that an operator is unknown and what is known."""
    versions = CONVERTERS.get((domain, op_type))
    if versions:
        return UnsupportedOperator(f"the operator {op_type} is supported since opset {min(versions)} only")
    known = ", ".join(supported_operators())
    return UnsupportedOperator(f"the operator {domain + '.' if domain else ''}{op_type} is not supported; supported are {known}")
