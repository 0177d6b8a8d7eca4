"""One kernel call of a model: a workload and the values that it reads and writes. Made by `extract_groups.py`; read by `plan_memory.py`
and the driver."""

from dataclasses import dataclass

from compiler.ops import FusionKind, get_operator
from compiler.workload import Workload


@dataclass(frozen=True, slots=True)
class Group:
    """arguments, outputs: names of values, in the workload's order; an argument's bytes may have another shape in the workload than in the
    graph. nodes: the model's names of the fused nodes, for people."""

    workload: Workload
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[str, ...]

    def may_overwrite(self, position: int) -> bool:
        """Whether the output may take an argument's place: the argument's element at each position is read for the output's element there,
        and for nothing else."""
        if len(self.outputs) != 1 or any(get_operator(op.op).fusion != FusionKind.ELEMENTWISE for op in self.workload.ops):
            return False
        argument, output = self.workload.arguments[position], self.workload.output_types[0]
        same = argument.type.shape == output.shape and argument.type.dtype.itemsize == output.dtype.itemsize
        return same and not argument.constant and self.arguments.count(self.arguments[position]) == 1
