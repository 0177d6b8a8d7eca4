"""Load a model file. In: a path. Out: `Model`. Next: `tune_model.py`, `compile_model.py`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.frontends.onnx import load_onnx
from compiler.graph import Graph, Group, count_workloads, extract_groups, optimize_graph
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Workload
from tilewright.notebook_tables import html_table


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a graph with static shapes."""

    name: str
    graph: Graph

    @property
    def inputs(self) -> dict[str, TensorType]:
        return {name: self.graph.types[name] for name in self.graph.inputs}

    @property
    def outputs(self) -> dict[str, TensorType]:
        return {name: self.graph.types[name] for name in self.graph.outputs}

    def groups(self, target: Target) -> tuple[Group, ...]:
        """The kernel calls of one inference, in order, after all graph passes for `target`."""
        return extract_groups(optimize_graph(self.graph, target))

    def workloads(self, target: Target) -> dict[Workload, int]:
        """What there is to tune for `target`: each workload with the number of its calls per inference."""
        return count_workloads(self.groups(target))

    def _repr_html_(self) -> str:
        """For Jupyter: inputs and outputs, and what the graph holds."""
        values = [(name, "input", str(kind)) for name, kind in self.inputs.items()]
        values += [(name, "output", str(kind)) for name, kind in self.outputs.items()]
        counts = Counter(node.op for node in self.graph.nodes).most_common()
        return html_table(self.name, ("value", "", "type"), values, ", ".join(f"{count} {op}" for op, count in counts))

    def __str__(self) -> str:
        inputs = ", ".join(f"{name}: {kind}" for name, kind in self.inputs.items())
        outputs = ", ".join(f"{name}: {kind}" for name, kind in self.outputs.items())
        return f"{self.name} ({inputs}) -> ({outputs})"


def load(source: str | Path | bytes, shapes: Mapping[str, Sequence[int]] | None = None) -> Model:
    """Read an ONNX model, a file or its bytes. shapes: of inputs whose file leaves dimensions open, by name.

    Raises `ModelError` for a file that cannot be read, `UnsupportedOperator`, and `ShapeError` where a dimension is unknown.
    """
    graph = load_onnx(source, shapes)
    return Model(graph.name if isinstance(source, bytes) else Path(source).stem, graph)
