"""What a workload's stages look like to a template: which are constant, which reduce, who reads whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from compiler.te import FIXED_BYTES, NARROW_BYTES, Axis, Binary, Const, Expr, Load, Select, Tensor, Var, producers, walk
from compiler.workload import Workload


@dataclass(frozen=True)
class Structure:
    """stages: every computed tensor by name, producers first."""

    workload: Workload
    stages: Mapping[str, Tensor]

    @cached_property
    def constant(self) -> frozenset[str]:
        """Arguments and stages that depend on constant arguments only."""
        known = {name for name, arg in zip(self.workload.argument_names, self.workload.arguments, strict=True) if arg.constant}
        for name, tensor in self.stages.items():
            sources = [source.name for source in producers(tensor)]
            if sources and all(source in known for source in sources) and name not in self.output_names:
                known.add(name)
        return frozenset(known)

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(tensor.name for tensor in self.workload.tensors[1])

    @cached_property
    def narrow_weight(self) -> str | None:
        """The anchor's stage of constant weights that are kept in three bytes each."""
        anchor = self.workload.anchor
        name = f"{self.workload.op_names[anchor]}.weight"
        is_narrow = self.workload.ops[anchor].attributes.get("weight_bytes") == NARROW_BYTES
        return name if is_narrow and name in self.stages and name in self.constant else None

    @cached_property
    def weight_scale(self) -> str | None:
        """The anchor's stage of scales, where constant weights are kept in fixed point."""
        anchor = self.workload.anchor
        name = f"{self.workload.op_names[anchor]}.weight.scale"
        is_fixed = self.workload.ops[anchor].attributes.get("weight_bytes") == FIXED_BYTES
        return name if is_fixed and name in self.constant else None

    @cached_property
    def stored_weights(self) -> frozenset[str]:
        """The anchor's stages of constant weights that are no plain floats."""
        fixed = () if self.weight_scale is None else (self.weight_scale, self.weight_scale.removesuffix(".scale"))
        return frozenset(fixed if self.narrow_weight is None else (self.narrow_weight,))

    @cached_property
    def running(self) -> tuple[str, ...]:
        """Stages that run at every inference, producers first."""
        return tuple(name for name in self.stages if name not in self.constant)

    @cached_property
    def reductions(self) -> tuple[str, ...]:
        return tuple(name for name in self.running if reduce_axes(self.stages[name]))

    @cached_property
    def readers(self) -> dict[str, tuple[str, ...]]:
        """For each buffer, the stages that read it."""
        found: dict[str, list[str]] = {}
        for name, tensor in self.stages.items():
            for source in producers(tensor):
                found.setdefault(source.name, []).append(name)
        return {name: tuple(names) for name, names in found.items()}

    def pointwise_output(self, name: str) -> str:
        """The stage whose tile is written: the last of the elementwise stages that follow the stage `name` point by point."""
        shape = self.stages[name].shape
        while name not in self.output_names:
            readers = self.readers[name]
            reader = self.stages[readers[0]]
            own = data_axes(reader)
            if len(readers) != 1 or reader.shape != shape:
                break
            if not all(_is_point(load, own) for load in loads_of(reader) if load.buffer.name == name):
                break
            name = readers[0]
        return name

    def upstream(self, name: str) -> frozenset[str]:
        """Computed stages that `name` needs, itself not included."""
        return self._upstream[name]

    @cached_property
    def _upstream(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for name, tensor in self.stages.items():
            direct = [source.name for source in producers(tensor) if source.name in self.stages]
            found[name] = frozenset(direct).union(*(found[source] for source in direct))
        return found


def structure_of(workload: Workload) -> Structure:
    return Structure(workload, workload.stages())


def data_axes(tensor: Tensor) -> tuple[Axis, ...]:
    assert tensor.definition is not None
    return tensor.definition.axes


def reduce_axes(tensor: Tensor) -> tuple[Axis, ...]:
    assert tensor.definition is not None
    return tensor.definition.reduce_axes


def loads_of(tensor: Tensor) -> list[Load]:
    assert tensor.definition is not None
    return [node for node in walk(tensor.definition.body) if isinstance(node, Load)]


def _is_point(load: Load, axes: tuple[Axis, ...]) -> bool:
    """Whether the load reads the very element that is computed."""
    return all(index == axis.var or (axis.extent == 1 and index == Const(0)) for index, axis in zip(load.indices, axes, strict=True))


def is_copy_like(tensor: Tensor) -> bool:
    """Whether the stage only moves elements (a pad, a transpose): recomputing it costs no arithmetic."""
    assert tensor.definition is not None
    return all(isinstance(node, Select | Load | Var | Binary) or not hasattr(node, "args") for node in walk(tensor.definition.body))


def mentions(expr: Expr, name: str) -> bool:
    return any(isinstance(node, Var) and node.name == name for node in walk(expr))
