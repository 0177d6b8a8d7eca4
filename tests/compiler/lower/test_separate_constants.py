"""What runs once, when the model is compiled, and what runs at every inference."""

import numpy as np

from compiler.loop_ir import Allocate, LoopFunc, Stmt, Store, seq
from compiler.lower import ParamRole, lower
from compiler.lower.separate_constants import separate_constants
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.te import Binary, Buffer, Const, Load
from compiler.tensor_type import FLOAT32, TensorType
from compiler.workload import Argument, GroupOp, Workload

DATA, WEIGHT, OUT = (Buffer(name, (4,)) for name in ("data", "weight", "out"))
ZERO = Const(0)


def element(buffer: Buffer) -> Load:
    return Load(buffer, (ZERO,))


def store(buffer: Buffer, *sources: Buffer) -> Stmt:
    """`buffer[0]` = the sum of the sources' first elements; 0 of none."""
    value: Load | Const | Binary = element(sources[0]) if sources else Const(0.0, FLOAT32)
    for source in sources[1:]:
        value = Binary("add", value, element(source))
    return Store(buffer, (ZERO,), value)


def separated(*stages: Stmt, scratch: tuple[Buffer, ...]) -> tuple[dict[str, ParamRole], list[str]]:
    """Roles by name, and the packed names."""
    body = seq(*stages)
    for buffer in scratch:
        body = Allocate(buffer, body)
    lowered = separate_constants(LoopFunc("kernel", (DATA, WEIGHT, OUT), body), 2, ["weight"])
    return {param.buffer.name: param.role for param in lowered.params}, [param.buffer.name for param in lowered.pack_params]


def test_what_is_made_from_constants_is_packed_once() -> None:
    first, second = Buffer("first", (4,)), Buffer("second", (4,))
    roles, packing = separated(store(first, WEIGHT), store(second, first), store(OUT, DATA, second), scratch=(first, second))
    assert roles == {"data": ParamRole.ARGUMENT, "second": ParamRole.PACKED, "out": ParamRole.OUTPUT}
    assert packing == ["weight", "second", "first"]


def test_the_start_of_a_sum_that_changes_is_not_constant() -> None:
    """`total` starts from nothing, but what is added is not constant, nor is what follows from it."""
    total, mean, packed = Buffer("total", (4,)), Buffer("mean", (4,)), Buffer("packed", (4,))
    stages = (store(packed, WEIGHT), store(total), store(total, total, DATA), store(mean, total), store(OUT, mean, packed))
    roles, packing = separated(*stages, scratch=(total, mean, packed))
    assert packing == ["weight", "packed"]
    assert roles["total"] == roles["mean"] == ParamRole.WORKSPACE


def test_a_constant_sum_is_packed_with_its_start() -> None:
    total = Buffer("total", (4,))
    roles, packing = separated(store(total), store(total, total, WEIGHT), store(OUT, DATA, total), scratch=(total,))
    assert packing == ["weight", "total"]
    assert roles["total"] == ParamRole.PACKED


def test_outputs_are_never_packed() -> None:
    roles, packing = separated(store(OUT, WEIGHT), scratch=())
    assert (roles["out"], packing) == (ParamRole.OUTPUT, [])


def test_a_mean_over_everything_beside_a_constant() -> None:
    """The nests of a scalar stand at the root, its start apart from the loop that adds."""
    workload = Workload(
        (Argument(TensorType((1, 12))), Argument(TensorType((1, 1)), constant=True)),
        (GroupOp("reduce_mean", (("arg", 0),), {"axes": (1,), "keepdims": True}), GroupOp("add", (("op", 0), ("arg", 1)))),
    )
    lowered = lower(workload, Schedule(), Target.parse("host"))
    assert lowered.pack is None
    assert np.prod([param.buffer.shape for param in lowered.params if param.role is ParamRole.ARGUMENT]) == 12
