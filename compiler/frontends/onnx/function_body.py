"""ONNX frontend: the body of an operator that is defined by other operators.

Two kinds have one: functions that a model carries itself, and operators of the standard that are specified as functions. In: the node.
Out: the nodes of the body with the caller's attributes filled in, and the names that its inputs and outputs have there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import AttributeProto, FunctionProto, NodeProto, defs, helper

from compiler.frontends.onnx.value import Value

FunctionKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class FunctionBody:
    """opsets: by domain, what the body's nodes are written in."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[NodeProto, ...]
    opsets: Mapping[str, int]


def model_function(function: FunctionProto, node: NodeProto) -> FunctionBody:
    """The body of a function of the model, for one call."""
    attributes = {attribute.name: attribute for attribute in function.attribute_proto}
    attributes.update((attribute.name, attribute) for attribute in node.attribute)
    opsets = {canonical_domain(entry.domain): entry.version for entry in function.opset_import}
    return _bind(function, attributes, opsets)


def standard_function(node: NodeProto, inputs: Sequence[Value | None], opset: int) -> FunctionBody | None:
    """The body that the standard gives for an operator, or None when it gives none."""
    if not defs.has(node.op_type, opset, ""):
        return None
    schema: Any = defs.get_schema(node.op_type, opset, "")
    if version := _newest(schema.context_dependent_function_opset_versions, opset):
        types = [_type_bytes(value) for value in inputs]
        body = schema.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), types)
    elif version := _newest(schema.function_opset_versions, opset):
        body = schema.get_function_with_opset_version(version)
    else:
        return None
    function = FunctionProto.FromString(body)
    if not function.node:
        return None
    attributes = {name: given.default_value for name, given in schema.attributes.items() if given.default_value.name}
    attributes.update((attribute.name, attribute) for attribute in node.attribute)
    return _bind(function, attributes, {"": opset})


def canonical_domain(domain: str) -> str:
    """The standard's domain has two spellings."""
    return "" if domain == "ai.onnx" else domain


def _newest(versions: Iterable[int], opset: int) -> int | None:
    return max((version for version in versions if version <= opset), default=None)


def _type_bytes(value: Value | None) -> bytes:
    if value is None:
        return b""
    return bytes(helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape).SerializeToString())


def _bind(function: FunctionProto, attributes: Mapping[str, AttributeProto], opsets: Mapping[str, int]) -> FunctionBody:
    nodes = tuple(_bind_node(node, attributes) for node in function.node)
    return FunctionBody(tuple(function.input), tuple(function.output), nodes, opsets)


def _bind_node(node: NodeProto, attributes: Mapping[str, AttributeProto]) -> NodeProto:
    """A copy of a node of a body in which references to the function's attributes are replaced by their values."""
    bound = NodeProto()
    bound.CopyFrom(node)
    del bound.attribute[:]
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            copy = bound.attribute.add()
            copy.CopyFrom(attribute)
            for graph in [copy.g, *copy.graphs] if copy.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) else []:
                inner = [_bind_node(each, attributes) for each in graph.node]
                del graph.node[:]
                graph.node.extend(inner)
        elif attribute.ref_attr_name in attributes:
            copy = bound.attribute.add()
            copy.CopyFrom(attributes[attribute.ref_attr_name])
            copy.name = attribute.name
    return bound
