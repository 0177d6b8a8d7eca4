"""ONNX frontend: walks a model's graph in order and hands each node to its converter.

In: an ONNX graph whose inputs have values. Out: its nodes in a `FoldingBuilder`. Subgraphs of control flow and the bodies of functions are
converted in place, each in a scope of its own. Next: `compiler/frontends/onnx/converters`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from onnx import FunctionProto, GraphProto, NodeProto

from compiler.errors import ModelError, ShapeError, UnsupportedOperator
from compiler.frontends.onnx.converters import find_converter, unsupported
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.function_body import FunctionBody, FunctionKey, canonical_domain, model_function, standard_function
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.read_model import read_tensor
from compiler.frontends.onnx.value import Value


@dataclass(frozen=True, slots=True)
class Scope:
    """Names of the model and what they stand for; names of the scopes around it are visible too."""

    opsets: Mapping[str, int]
    parent: "Scope | None" = None
    values: dict[str, Value] = field(default_factory=dict)

    def find(self, name: str) -> Value:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.parent
        raise ModelError(f"value {name!r} is used before anything computes it")


class GraphConverter:
    """Converts graphs into one builder."""

    def __init__(self, builder: FoldingBuilder, functions: Iterable[FunctionProto]) -> None:
        self._builder = builder
        self._functions: dict[FunctionKey, FunctionProto] = {
            (canonical_domain(function.domain), function.name, function.overload): function for function in functions
        }

    def convert(self, graph: GraphProto, scope: Scope) -> tuple[Value, ...]:
        """Converts a graph whose inputs are in `scope` already; gives the values of its outputs."""
        if graph.sparse_initializer:
            raise UnsupportedOperator(f"graph {graph.name!r} has sparse initializers; supported are dense ones")
        for tensor in graph.initializer:
            if tensor.name not in scope.values:
                self._builder.begin_node(tensor.name, tensor.name)
                scope.values[tensor.name] = self._bind(scope, tensor.name, self._builder.constant(read_tensor(tensor)))
        self._convert_nodes(graph.node, scope)
        return tuple(scope.find(output.name) for output in graph.output)

    def _convert_nodes(self, nodes: Iterable[NodeProto], scope: Scope) -> None:
        for proto in nodes:
            opset = scope.opsets.get(canonical_domain(proto.domain), 1)
            node = OnnxNode(
                proto,
                [scope.find(name) if name else None for name in proto.input],
                opset,
                lambda graph, inputs: self._run_subgraph(graph, inputs, scope),
            )
            try:
                outputs = self._convert_node(node)
                if len(outputs) < node.wanted_outputs:
                    wanted = proto.output[len(outputs)]
                    raise UnsupportedOperator(f"output {wanted!r} is not supported; supported are the first {len(outputs)}")
            except (UnsupportedOperator, ShapeError, ModelError) as error:
                raise type(error)(f"{node.describe()}: {error}") from None
            except (ValueError, IndexError) as error:
                raise ModelError(f"{node.describe()}: {error}") from error
            for name, value in zip(proto.output, outputs, strict=False):
                if name:
                    scope.values[name] = self._bind(scope, name, value)

    def _convert_node(self, node: OnnxNode) -> Sequence[Value]:
        domain, op_type = canonical_domain(node.proto.domain), node.op_type
        if function := self._functions.get((domain, op_type, node.proto.overload)):
            return self._run_function(model_function(function, node.proto), node)
        self._builder.begin_node(node.name, next((name for name in node.proto.output if name), node.name))
        if converter := find_converter(domain, op_type, node.opset):
            result = converter(node, self._builder)
            node.refuse_unread_attributes()
            return (result,) if isinstance(result, Value) else result
        if domain == "" and (body := standard_function(node.proto, node.inputs, node.opset)):
            return self._run_function(body, node)
        raise unsupported(domain, op_type)

    def _run_function(self, body: FunctionBody, node: OnnxNode) -> tuple[Value, ...]:
        scope = Scope(body.opsets)
        scope.values.update((name, value) for name, value in zip(body.inputs, node.inputs, strict=False) if value is not None)
        absent = {name for name in body.inputs if name not in scope.values}
        self._convert_nodes([_without_inputs(proto, absent) for proto in body.nodes], scope)
        wanted = body.outputs[: node.wanted_outputs]
        return tuple(scope.find(name) for name in wanted)

    def _run_subgraph(self, graph: GraphProto, inputs: Sequence[Value], scope: Scope) -> tuple[Value, ...]:
        if len(inputs) != len(graph.input):
            raise ModelError(f"graph {graph.name!r} takes {len(graph.input)} inputs, given {len(inputs)}")
        inner = Scope(scope.opsets, parent=scope)
        inner.values.update((declared.name, value) for declared, value in zip(graph.input, inputs, strict=True))
        return self.convert(graph, inner)

    def _bind(self, scope: Scope, name: str, value: Value) -> Value:
        if scope.parent is None:
            self._builder.name_value(value, name)
        return value


def _without_inputs(proto: NodeProto, absent: set[str]) -> NodeProto:
    """The node with inputs that the caller omitted marked as omitted."""
    if not absent.intersection(proto.input):
        return proto
    copy = NodeProto()
    copy.CopyFrom(proto)
    del copy.input[:]
    copy.input.extend("" if name in absent else name for name in proto.input)
    return copy
