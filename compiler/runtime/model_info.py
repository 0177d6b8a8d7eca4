"""What is known about a compiled model besides its code; an exported one holds it as JSON.

In: facts from the driver. Out: `ModelInfo`. Next: `link_model.py`, `executable.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from compiler.tensor_type import TensorType

MODEL_FORMAT = 1


@dataclass(frozen=True, slots=True)
class NamedType:
    """One input or output of a model."""

    name: str
    type: TensorType


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelInfo:
    """One kernel call, in order of execution.

    nodes: the model's own names of what it computes. workload: for people; workload_key: sha256; definition: its canonical JSON, empty in
    a library that was compiled before definitions were kept.
    schedule_source: "default", or which record.
    expected_secs: what the record measured, if one was used. facts: what code generation told (spills, code_bytes, ...).
    """

    symbol: str
    nodes: tuple[str, ...]
    workload: str
    workload_key: str
    schedule_source: str
    expected_secs: float | None = None
    facts: tuple[tuple[str, Any], ...] = ()
    definition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """cpu_features: what the cpu must have, by the names that Linux gives them; empty: nothing beyond its architecture.

    threads: how many the model was compiled for. weights_bytes, arena_bytes: constants, and working memory of one run.
    """

    name: str
    target: str
    cpu_features: tuple[str, ...]
    threads: int
    inputs: tuple[NamedType, ...]
    outputs: tuple[NamedType, ...]
    kernels: tuple[KernelInfo, ...]
    weights_bytes: int
    arena_bytes: int

    def to_json(self) -> dict[str, Any]:
        return {
            "format": MODEL_FORMAT,
            "name": self.name,
            "target": self.target,
            "cpu_features": list(self.cpu_features),
            "threads": self.threads,
            "inputs": [[item.name, *item.type.to_json()] for item in self.inputs],
            "outputs": [[item.name, *item.type.to_json()] for item in self.outputs],
            "kernels": [{**asdict(kernel), "nodes": list(kernel.nodes), "facts": dict(kernel.facts)} for kernel in self.kernels],
            "weights_bytes": self.weights_bytes,
            "arena_bytes": self.arena_bytes,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "ModelInfo":
        if data.get("format") != MODEL_FORMAT:
            raise ValueError(f"model format {data.get('format')!r} is not {MODEL_FORMAT}: compile the model again with this version")
        kernels = tuple(
            KernelInfo(**{**kernel, "nodes": tuple(kernel["nodes"]), "facts": tuple(kernel["facts"].items())}) for kernel in data["kernels"]
        )
        return ModelInfo(
            name=data["name"],
            target=data["target"],
            cpu_features=tuple(data["cpu_features"]),
            threads=data["threads"],
            inputs=tuple(NamedType(name, TensorType.from_json(kind)) for name, *kind in data["inputs"]),
            outputs=tuple(NamedType(name, TensorType.from_json(kind)) for name, *kind in data["outputs"]),
            kernels=kernels,
            weights_bytes=data["weights_bytes"],
            arena_bytes=data["arena_bytes"],
        )
