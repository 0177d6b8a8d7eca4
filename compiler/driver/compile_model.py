"""Graph + target + schedules -> `Executable`: the whole path of a model.

    Graph --optimize_graph--> Graph --extract_groups--> Groups --choose_kernels--> CompiledKernels
    Groups + CompiledKernels --plan_memory, lay_out_weights, plan_calls--> ModelEntry --generate_model_entry--> object code --> Executable

Next: `compiler/runtime/executable.py`.
"""

from dataclasses import replace
from functools import partial
from math import inf
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from compiler.codegen.llvm import LoadedObjects, ModelEntry, generate_model_entry, generate_object, load_objects
from compiler.driver.choose_kernels import KernelUse, choose_kernels
from compiler.driver.choose_variant import VariantChoice, choose_variant
from compiler.driver.host_check import linux_features, runs_here
from compiler.driver.lay_out_weights import WeightsLayout, fill_weights, lay_out_weights
from compiler.driver.object_cache import ObjectCache
from compiler.driver.plan_calls import plan_calls, workspace_bytes
from compiler.driver.schedule_choice import DefaultSchedule, DeviceT, ScheduleChoice, ScheduleSource
from compiler.errors import TargetError
from compiler.graph import Graph, extract_groups, optimize_graph, plan_memory, predicted_cycles, workload_variants
from compiler.lower import lower
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
    link_model,
    native_runtime,
    write_standalone,
)
from compiler.target import Target
from compiler.workload import Workload


def compile_model(
    graph: Graph,
    target: Target,
    schedules: ScheduleSource[DeviceT],
    *,
    device: DeviceT,
    default_schedule: DefaultSchedule,
    threads: int,
    cache: ObjectCache | None,
    max_rel_error: float = inf,
) -> Executable:
    """device: handed on to `schedules`. For a target that this machine cannot run, the result can be saved and not run.

    max_rel_error: of the largest output of a kernel; algorithms that typically or in their record's verification exceed it are not used.
    """
    target = replace(target, cores=threads)

    def default(workload: Workload) -> ScheduleChoice:
        return ScheduleChoice(default_schedule(workload, target, threads), "default")

    def recorded(workload: Workload) -> ScheduleChoice | None:
        return schedules.best_schedule(workload, target, device)

    def best(workload: Workload) -> VariantChoice:
        variants = workload_variants(workload, target, max_rel_error)
        return choose_variant(variants, recorded, default, lambda variant: predicted_cycles(variant, target), max_rel_error)

    graph = optimize_graph(graph, target)
    groups = extract_groups(graph)
    kernels = choose_kernels(tuple(dict.fromkeys(group.workload for group in groups)), target, best, default, cache)
    uses = [KernelUse(group, kernels[group.workload]) for group in groups]
    plan = plan_memory(graph, groups, [workspace_bytes(use.artifact) for use in uses])
    layout = lay_out_weights(uses, plan.locations, graph.constants)

    entry = ModelEntry(plan_calls(uses, plan, layout), RUN_SYMBOL, PROFILE_SYMBOL)
    code_of = {use.artifact.symbol: use.artifact.object_code for use in uses}
    objects = (*code_of.values(), generate_model_entry(entry, target))
    info = ModelInfo(
        name=graph.name,
        target=str(target),
        cpu_features=linux_features(target),
        threads=threads,
        inputs=tuple(NamedType(name, graph.types[name]) for name in graph.inputs),
        outputs=tuple(NamedType(name, graph.types[name]) for name in graph.outputs),
        kernels=tuple(_kernel_info(use) for use in uses),
        weights_bytes=layout.size_bytes,
        arena_bytes=plan.arena_bytes,
    )
    here = runs_here(target)
    loaded = load_objects(objects if here else _packers_for_host(layout, target), native_runtime().symbols)
    with ThreadPool(threads, native_runtime()) as pool:
        weights = fill_weights(layout, plan.locations, graph.constants, loaded, pool)
    native = _native_model(loaded, weights) if here else _foreign_model(target)
    code = ModelCode(objects, weights, "" if here else target.triple)
    return Executable(native, info, partial(link_model, code, info), save_standalone=partial(write_standalone, code, info))


def _kernel_info(use: KernelUse) -> KernelInfo:
    return KernelInfo(
        symbol=use.artifact.symbol,
        nodes=use.group.nodes,
        workload=str(use.kernel.workload),
        workload_key=use.kernel.workload.key,
        schedule_source=use.kernel.choice.source,
        expected_secs=use.kernel.choice.expected_secs,
        facts=tuple(use.artifact.facts),
        definition=use.kernel.workload.canonical,
    )


def _native_model(loaded: LoadedObjects, weights: NDArray[np.uint8]) -> NativeModel:
    run, profile = RunFunction(loaded.address(RUN_SYMBOL)), ProfileFunction(loaded.address(PROFILE_SYMBOL))
    return NativeModel(run, profile, weights.ctypes.data, native_runtime(), (loaded, weights))


def _foreign_model(target: Target) -> NativeModel:
    def refuse(*_: object) -> NoReturn:
        raise TargetError(f"code for {target.cpu} ({target.triple}) cannot run on this machine: save it and load it on one that can")

    return NativeModel(refuse, refuse, 0, native_runtime(), None)


def _packers_for_host(layout: WeightsLayout, target: Target) -> tuple[bytes, ...]:
    """The pack functions of kernels for a foreign target, as code that runs here."""
    host = Target.parse("host")
    kernels = {packing.kernel.artifact.symbol: packing.kernel for packing in layout.packings}
    return tuple(
        generate_object(lower(kernel.workload, kernel.choice.schedule, target), host, symbol).object_code
        for symbol, kernel in kernels.items()
    )
