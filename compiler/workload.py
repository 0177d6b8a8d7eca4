"""A workload: one fused group of operators with everything that its kernel depends on; the key of tasks, records and compiled objects.

The graph pass `compiler/graph/extract_groups.py` makes them; `schedule_space` makes their spaces; `compiler/lower` their loop nests.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from compiler.loop_ir import LoopFunc, build_loop_func
from compiler.ops import get_operator
from compiler.te import Tensor, placeholder, topological_order
from compiler.tensor_type import TensorType

WORKLOAD_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Argument:
    """An input of the workload; a constant one may be repacked when the model is compiled."""

    type: TensorType
    constant: bool = False


@dataclass(frozen=True, slots=True)
class GroupOp:
    """One operator of the group. inputs: ("arg", i) or ("op", i), an earlier operator of the group (its first output)."""

    op: str
    inputs: tuple[tuple[str, int], ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def canonical_json(data: Any) -> str:
    """The one spelling of `data` that keys are made from: sorted keys, no spaces."""
    return json.dumps(_plain(data), sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Workload:
    """A fused group. `anchor` indexes the operator that decides the loop structure; the outputs are all outputs of the last operator."""

    arguments: tuple[Argument, ...]
    ops: tuple[GroupOp, ...]
    anchor: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "format": WORKLOAD_FORMAT,
            "arguments": [[*argument.type.to_json(), argument.constant] for argument in self.arguments],
            "ops": [{"op": op.op, "inputs": _plain(op.inputs), "attributes": _plain(op.attributes)} for op in self.ops],
            "anchor": self.anchor,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Workload":
        if data.get("format") != WORKLOAD_FORMAT:
            raise ValueError(f"workload format {data.get('format')!r} is not {WORKLOAD_FORMAT}")
        arguments = tuple(Argument(TensorType.from_json(item[:2]), bool(item[2])) for item in data["arguments"])
        ops = tuple(
            GroupOp(op["op"], _frozen(op["inputs"]), {key: _frozen(item) for key, item in op["attributes"].items()}) for op in data["ops"]
        )
        return Workload(arguments, ops, int(data["anchor"]))

    @cached_property
    def canonical(self) -> str:
        """Canonical JSON; two workloads are the same exactly when these are."""
        return canonical_json(self.to_json())

    @cached_property
    def key(self) -> str:
        """sha256 of the canonical JSON, as hex."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workload) and self.canonical == other.canonical

    @cached_property
    def op_names(self) -> tuple[str, ...]:
        """The stage name of each operator of the group: the operator's name, numbered from the second use on (add, add_1)."""
        counts: dict[str, int] = {}
        names: list[str] = []
        for op in self.ops:
            count = counts.get(op.op, 0)
            counts[op.op] = count + 1
            names.append(f"{op.op}_{count}" if count else op.op)
        return tuple(names)

    @property
    def argument_names(self) -> tuple[str, ...]:
        return tuple(f"arg{position}" for position in range(len(self.arguments)))

    @cached_property
    def tensors(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Placeholders of the arguments, and the tensors of the outputs."""
        arguments = tuple(
            placeholder(argument.type.shape, name, argument.type.dtype)
            for name, argument in zip(self.argument_names, self.arguments, strict=True)
        )
        computed: list[tuple[Tensor, ...]] = []
        for name, op in zip(self.op_names, self.ops, strict=True):
            inputs = [arguments[index] if source == "arg" else computed[index][0] for source, index in op.inputs]
            computed.append(get_operator(op.op).compute(name, inputs, op.attributes))
        return arguments, computed[-1]

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        return tuple(tensor.type for tensor in self.tensors[1])

    @cached_property
    def naive(self) -> LoopFunc:
        """One loop nest per stage, in order, nothing scheduled: what the interpreter runs as the oracle."""
        arguments, outputs = self.tensors
        return build_loop_func("kernel", arguments, outputs)

    def stages(self) -> dict[str, Tensor]:
        """Every computed tensor by name, producers first."""
        return {tensor.name: tensor for tensor in topological_order(self.tensors[1]) if tensor.definition is not None}

    def __str__(self) -> str:
        """For people: `conv2d+add+relu (1,64,56,56)(64,64,3,3) -> (1,64,56,56)`, `winograd_conv2d[4x4]+...`, `matmul[2 bytes]+...`."""
        shapes = "".join(str(argument.type.shape).replace(" ", "") for argument in self.arguments)
        outputs = ", ".join(str(kind.shape).replace(" ", "") for kind in self.output_types)
        names = "+".join(f"{name}{_form(op)}" for name, op in zip(self.op_names, self.ops, strict=True))
        return f"{names} {shapes} -> {outputs}"


def _form(op: GroupOp) -> str:
    """In brackets what tells the forms of an operator apart."""
    parts = ["{}x{}".format(*op.attributes["tile"])] if "tile" in op.attributes else []
    parts += [f"{op.attributes['weight_bytes']} bytes"] if "weight_bytes" in op.attributes else []
    return f"[{', '.join(parts)}]" if parts else ""
