"""Where each parameter of each kernel call lies when the model runs.

In: kernel calls, memory plan, weights layout. Out: `KernelCall`s. Next: `compiler/codegen/llvm/model_entry.py`.
"""

from collections.abc import Mapping, Sequence

from compiler.codegen import Artifact
from compiler.codegen.llvm import Area, KernelCall, Place
from compiler.driver.choose_kernels import KernelUse
from compiler.driver.lay_out_weights import WeightsLayout
from compiler.driver.loaded_kernel import param_bytes
from compiler.graph import Location, MemoryPlan, Storage
from compiler.lower import ParamRole
from compiler.runtime import align_up


def workspace_bytes(artifact: Artifact) -> int:
    """Of all workspace buffers of a kernel, one after the other."""
    return sum(align_up(param_bytes(param)) for param in artifact.params if param.role is ParamRole.WORKSPACE)


def plan_calls(uses: Sequence[KernelUse], plan: MemoryPlan, layout: WeightsLayout) -> tuple[KernelCall, ...]:
    return tuple(
        KernelCall(use.artifact.symbol, _places(use, plan.locations, layout.constant_offsets, packed_offsets, workspace))
        for use, packed_offsets, workspace in zip(uses, layout.packed_offsets, plan.workspace_offsets, strict=True)
    )


def _places(
    use: KernelUse,
    locations: Mapping[str, Location],
    constant_offsets: Mapping[int, int],
    packed_offsets: Mapping[int, int],
    workspace: int,
) -> tuple[Place, ...]:
    """workspace: the arena offset of the kernel's first workspace buffer."""
    places: list[Place] = []
    for param in use.artifact.params:
        match param.role:
            case ParamRole.ARGUMENT:
                places.append(_value_place(locations[use.group.arguments[param.index]], constant_offsets))
            case ParamRole.OUTPUT:
                places.append(_value_place(locations[use.group.outputs[param.index]], constant_offsets))
            case ParamRole.PACKED:
                places.append(Place(Area.WEIGHTS, 0, packed_offsets[param.index]))
            case ParamRole.WORKSPACE:
                places.append(Place(Area.ARENA, 0, workspace))
                workspace += align_up(param_bytes(param))
    return tuple(places)


def _value_place(location: Location, constant_offsets: Mapping[int, int]) -> Place:
    match location.storage:
        case Storage.ARENA:
            return Place(Area.ARENA, 0, location.offset_bytes)
        case Storage.INPUT:
            return Place(Area.INPUT, location.index, location.offset_bytes)
        case Storage.OUTPUT:
            return Place(Area.OUTPUT, location.index, location.offset_bytes)
        case Storage.CONSTANT:
            return Place(Area.WEIGHTS, 0, constant_offsets[location.index] + location.offset_bytes)
