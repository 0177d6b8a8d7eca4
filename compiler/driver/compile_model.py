"""Graph + target + schedules -> `Executable`: the whole path of a model.

    Graph --optimize--> Graph --extract--> Groups --schedules--> KernelRequests --compile--> Artifacts
    Groups + Artifacts --plan_memory, lay_out_weights--> ModelEntry --generate--> object code --load--> Executable

Next: `compiler/runtime/executable.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from compiler.codegen import Artifact
from compiler.codegen.llvm import LoadedObjects, load_objects
from compiler.codegen.llvm.model_entry import Area, KernelCall, ModelEntry, Place, generate_model_entry
from compiler.driver.compile_kernels import KernelRequest, compile_kernels
from compiler.driver.lay_out_weights import KernelUse, WeightsLayout, fill_weights, lay_out_weights
from compiler.driver.loaded_kernel import param_bytes
from compiler.driver.object_cache import ObjectCache
from compiler.driver.schedule_choice import DefaultSchedule, DeviceT, ScheduleChoice, ScheduleSource
from compiler.errors import CodegenError, TilewrightError
from compiler.graph import Graph, Group, Location, MemoryPlan, Storage, extract_groups, optimize_graph, plan_memory
from compiler.lower import ParamRole
from compiler.runtime import (
    PROFILE_SYMBOL,
    RUN_SYMBOL,
    Executable,
    KernelInfo,
    ModelCode,
    ModelInfo,
    NamedType,
    NativeModel,
    ProfileFunction,
    RunFunction,
    ThreadPool,
    align_up,
    link_model,
    native_runtime,
)
from compiler.target import Target, host_cores
from compiler.workload import Workload


@dataclass(frozen=True, slots=True)
class CompiledKernel:
    """choice: what the artifact was made from."""

    choice: ScheduleChoice
    artifact: Artifact


def compile_model(
    graph: Graph,
    target: Target,
    schedules: ScheduleSource[DeviceT],
    *,
    device: DeviceT,
    default_schedule: DefaultSchedule,
    threads: int,
    cache: ObjectCache | None,
) -> Executable:
    """device: handed on to `schedules`. A schedule that cannot be applied is replaced by the default one, and the kernel's
    `schedule_source` says so; `CodegenError` where the default one fails too."""
    target = replace(target, cores=threads)
    graph = optimize_graph(graph, target)
    groups = extract_groups(graph)
    workloads = tuple(dict.fromkeys(group.workload for group in groups))
    defaults = partial(_default_choice, default_schedule, target, threads)
    choices = {workload: schedules.best_schedule(workload, target, device) or defaults(workload) for workload in workloads}
    kernels = _compile(choices, target, cache, defaults)
    uses = [KernelUse(group, kernels[group.workload].artifact) for group in groups]

    plan = plan_memory(graph, groups, [_workspace_bytes(use.artifact) for use in uses])
    layout = lay_out_weights(uses, plan.locations, graph.constants)
    entry = ModelEntry(_calls(uses, plan, layout), RUN_SYMBOL, PROFILE_SYMBOL)
    artifacts = {use.artifact.symbol: use.artifact for use in uses}
    objects = (*(artifact.object_code for artifact in artifacts.values()), generate_model_entry(entry, target))
    loaded = load_objects(objects, native_runtime().symbols)
    with ThreadPool(threads, native_runtime()) as pool:
        weights = fill_weights(layout, plan.locations, graph.constants, loaded, pool)

    info = ModelInfo(
        name=graph.name,
        target=str(target),
        threads=threads,
        inputs=tuple(NamedType(name, graph.types[name]) for name in graph.inputs),
        outputs=tuple(NamedType(name, graph.types[name]) for name in graph.outputs),
        kernels=tuple(_kernel_info(use.group, kernels[use.group.workload]) for use in uses),
        weights_bytes=layout.size_bytes,
        arena_bytes=plan.arena_bytes,
    )
    native = _native_model(loaded, weights.ctypes.data, (loaded, weights))
    return Executable(native, info, partial(link_model, ModelCode(objects, weights), info))


def _default_choice(default_schedule: DefaultSchedule, target: Target, threads: int, workload: Workload) -> ScheduleChoice:
    return ScheduleChoice(default_schedule(workload, target, threads), "default")


def _compile(
    choices: Mapping[Workload, ScheduleChoice], target: Target, cache: ObjectCache | None, defaults: Callable[[Workload], ScheduleChoice]
) -> dict[Workload, CompiledKernel]:
    """Every workload by its choice, and by its default where that fails."""
    compiled, failures = _compile_choices(choices, target, cache)
    again = {
        workload: replace(defaults(workload), source=f"default, since {choices[workload].source} failed: {error}")
        for workload, error in failures.items()
    }
    recompiled, still_failing = _compile_choices(again, target, cache)
    for workload, error in still_failing.items():
        raise CodegenError(f"cannot compile {workload} for {target.cpu}: {error}") from error
    return {**compiled, **recompiled}


def _compile_choices(
    choices: Mapping[Workload, ScheduleChoice], target: Target, cache: ObjectCache | None
) -> tuple[dict[Workload, CompiledKernel], dict[Workload, TilewrightError]]:
    requests = [KernelRequest(workload, choice.schedule) for workload, choice in choices.items()]
    results = compile_kernels(requests, target, cache, workers=host_cores())
    compiled: dict[Workload, CompiledKernel] = {}
    failures: dict[Workload, TilewrightError] = {}
    for (workload, choice), result in zip(choices.items(), results, strict=True):
        if isinstance(result, Artifact):
            compiled[workload] = CompiledKernel(choice, result)
        else:
            failures[workload] = result
    return compiled, failures


def _workspace_bytes(artifact: Artifact) -> int:
    return sum(align_up(param_bytes(param)) for param in artifact.params if param.role is ParamRole.WORKSPACE)


def _calls(uses: Sequence[KernelUse], plan: MemoryPlan, layout: WeightsLayout) -> tuple[KernelCall, ...]:
    return tuple(
        KernelCall(use.artifact.symbol, _places(use, plan, layout.constant_offsets, packed_offsets, workspace))
        for use, packed_offsets, workspace in zip(uses, layout.packed_offsets, plan.workspace_offsets, strict=True)
    )


def _places(
    use: KernelUse, plan: MemoryPlan, constant_offsets: Mapping[int, int], packed_offsets: Mapping[int, int], workspace: int
) -> tuple[Place, ...]:
    """Where each parameter of a kernel call lies; `workspace` is the arena offset of its first workspace buffer."""
    places: list[Place] = []
    for param in use.artifact.params:
        match param.role:
            case ParamRole.ARGUMENT:
                places.append(_value_place(plan.locations[use.group.arguments[param.index]], constant_offsets))
            case ParamRole.OUTPUT:
                places.append(_value_place(plan.locations[use.group.outputs[param.index]], constant_offsets))
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


def _kernel_info(group: Group, kernel: CompiledKernel) -> KernelInfo:
    return KernelInfo(
        symbol=kernel.artifact.symbol,
        nodes=group.nodes,
        workload=str(group.workload),
        workload_key=group.workload.key,
        schedule_source=kernel.choice.source,
        expected_secs=kernel.choice.expected_secs,
        facts=tuple(kernel.artifact.facts),
    )


def _native_model(loaded: LoadedObjects, weights: int, owner: object) -> NativeModel:
    run, profile = RunFunction(loaded.address(RUN_SYMBOL)), ProfileFunction(loaded.address(PROFILE_SYMBOL))
    return NativeModel(run, profile, weights, native_runtime(), owner)
