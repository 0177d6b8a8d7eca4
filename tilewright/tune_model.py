"""Tune a model: search for every kernel, keep every measurement. In: `Model`, `Database`. Out: `TuneResult`, and the records.

Below: `tuner/tune.py`, the loop. Who watches: `tilewright/tune_views`.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from math import inf

from compiler.driver import runs_here
from compiler.errors import TargetError
from compiler.graph import Group, count_workloads, predicted_cycles, weight_growth, workload_variants
from compiler.target import Target, host_cores
from compiler.workload import Workload
from measure import ArtifactBuilder, Builder, BuilderOptions, LocalRunner, RunnerOptions, place_workers
from records_db import Database
from tilewright.fleet_choice import BuildingPlace, MeasuringPlace
from tilewright.model import Model
from tilewright.resolve_target import resolve_target
from tilewright.tune_result import TuneResult
from tuner import (
    ALIASES,
    COST_MODELS,
    DEFAULT_STRATEGY,
    SHIPPED_PRIOR,
    STRATEGIES,
    Listener,
    TuneOptions,
    make_variant_tasks,
    tune_tasks,
    with_seeds,
)

DEFAULT_TRIALS_PER_KERNEL = 64
MOST_LOOKAHEAD = 32  # trials proposed ahead for the sake of many builders; the search learns of each that much later
LEAST_GAIN = 0.002  # of the model's time, by one more minute: searching on is not worth its while
# Weights that do not stay in the last-level cache from one inference to the next come from memory. It holds activations as well, and a
# virtual machine shares it with others: in MobileNet v2, of 14 MB, those of the dense layer come at 25 GB/s, like those of larger models,
# from a cache of 32 MB that reads at 190 (Zen 4).
CACHE_SHARE = 0.25  # of the last-level cache, beyond which a model's weights do not stay there
# Kernels of such models are timed with weights that are taken in a circle through so many caches. In ResNet-18, of 109 MB, those of a
# kernel come at 41 to 45 GB/s; in a circle through twice the 32 MB of cache at 72, through eight times as much at 47 (Zen 5, the cache
# shared with other machines).
CACHES_OF_MEMORY = 8
MAX_FOOTPRINT = 1 << 30
CACHES_OF_COPIES = 2  # on a board, which copies a kernel's weights for each trial


def tune(
    model: Model | Mapping[Workload, int],
    target: str | Target = "host",
    *,
    database: Database,
    threads: int | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    until: float | None = None,
    tuner: str = DEFAULT_STRATEGY,
    cost_model: str = "xgb",
    prior: str = SHIPPED_PRIOR,
    seed: int = 0,
    on_event: Listener | None = None,
    command_line: str = "",
    max_rel_error: float = inf,
    place: MeasuringPlace | None = None,
    builders: BuildingPlace | None = None,
) -> TuneResult:
    """Search schedules for all kernels of a model (or for some workloads, with their weights) and keep every trial in `database`.

    trials: how many new ones, over all kernels, and no fewer. minutes: wall time, at most: the search ends earlier when the next minute is
    predicted to make the model less than 0.2 % faster. until: 0.95 ends it when the model is predicted to be within 5 % of the best that
    could be found. Several of them: whichever comes first. None of them: 64 trials per kernel, at most, as with minutes.
    What earlier sessions measured on this device is used and not repeated. Ctrl-C ends the search early; nothing measured is lost.
    cost_model: what the tuner predicts times by. prior: what that model knows beforehand: "shipped", "none", or a file of
    `tilewright cost-model train`.
    max_rel_error: algorithms whose typical error, relative to a kernel's largest output, is above it are not tried.
    place: where kernels are timed; None: on this machine. `tilewright.fleet_session` has one for the devices of a fleet.
    builders: who builds them; None: worker processes here. `tilewright.builder_session` has those of a tracker.
    on_event: is told of every trial; see `show_progress`. command_line: kept with the session, for people.
    """
    if until is not None and not 0 < until < 1:
        raise ValueError(f"until is {until}; it is a share of the best speed, between 0 and 1, as 0.95")
    if tuner not in STRATEGIES and tuner not in ALIASES:
        raise ValueError(f"unknown tuner {tuner!r}; known: {', '.join(STRATEGIES)}")
    if cost_model not in COST_MODELS:
        raise ValueError(f"unknown cost model {cost_model!r}; known: {', '.join(COST_MODELS)}")
    resolved = resolve_target(target, threads)
    if place is None and not runs_here(resolved):
        raise TargetError(f"candidates for {resolved.cpu} ({resolved.triple}) cannot be timed on this machine; tune for --target host")
    groups = model.groups(resolved) if isinstance(model, Model) else ()
    workloads = count_workloads(groups) if isinstance(model, Model) else model
    tasks = [
        with_seeds(task, database)
        for workload, calls in workloads.items()
        for task in make_variant_tasks(workload, resolved, calls, max_rel_error)
    ]
    least_gain = LEAST_GAIN if trials is None else None
    if trials is None and minutes is None and until is None:
        trials = DEFAULT_TRIALS_PER_KERNEL * len(tasks)
    options = TuneOptions(
        trials=trials,
        minutes=minutes,
        until=until,
        least_gain=least_gain,
        strategy=tuner,
        cost_model=cost_model,
        prior=prior,
        seed=seed,
        command_line=command_line,
        lookahead=_lookahead(builders),
    )
    footprint_bytes = _footprint_bytes(_weight_bytes(workloads, resolved), resolved, is_here=place is None)
    cold = _input_arguments(groups, frozenset(model.inputs) if isinstance(model, Model) else frozenset(), resolved)
    running = RunnerOptions(threads=resolved.cores, footprint_bytes=footprint_bytes, cold_arguments=cold)
    if place is not None:
        with _builder(builders) as builder, place.runner(builder, running) as (ahead, remote):
            return TuneResult.of(tune_tasks(tasks, ahead, remote, database, options, on_event))
    placement = place_workers(resolved.cores)
    pinned = replace(running, cores=placement.timing)
    if builders is not None:
        with LocalRunner(pinned) as runner:
            return TuneResult.of(tune_tasks(tasks, builders, runner, database, options, on_event))
    with Builder(BuilderOptions(placement=placement)) as builder, LocalRunner(pinned, builder) as runner:
        return TuneResult.of(tune_tasks(tasks, builder, runner, database, options, on_event))


def _builder(builders: BuildingPlace | None) -> AbstractContextManager[ArtifactBuilder]:
    """Kernels are timed elsewhere, so all cores may build."""
    return Builder(BuilderOptions(workers=host_cores())) if builders is None else nullcontext(builders)


def _lookahead(builders: BuildingPlace | None) -> int:
    """As many trials as builders have work with, within reason."""
    least = TuneOptions().lookahead
    return least if builders is None else max(least, min(builders.slots, MOST_LOOKAHEAD))


def _footprint_bytes(weight_bytes: int, target: Target, *, is_here: bool) -> int:
    """What timed calls take their weights from."""
    if not is_here:
        return min(weight_bytes, CACHES_OF_COPIES * target.l3_bytes)
    return weight_bytes if weight_bytes <= CACHE_SHARE * target.l3_bytes else min(CACHES_OF_MEMORY * target.l3_bytes, MAX_FOOTPRINT)


def _input_arguments(groups: Sequence[Group], inputs: Collection[str], target: Target) -> dict[Workload, tuple[int, ...]]:
    """Which arguments are inputs of the model, and no indices, in all calls of a workload, by their positions; of each of its forms."""
    positions: dict[Workload, set[int]] = {}
    for group in groups:
        kinds = [argument.type.dtype.kind for argument in group.workload.arguments]
        own = {position for position, name in enumerate(group.arguments) if name in inputs and kinds[position] == "f"}
        positions[group.workload] = positions.get(group.workload, own) & own
    return {form: tuple(sorted(own)) for workload, own in positions.items() if own for form in workload_variants(workload, target)}


def _weight_bytes(workloads: Mapping[Workload, int], target: Target) -> int:
    """Of all calls of one inference, with the weights of convolutions as large as the forms that are likely to be chosen make them."""
    total = 0.0
    for workload, calls in workloads.items():
        likely = min(workload_variants(workload, target), key=lambda form: predicted_cycles(form, target))
        total += calls * weight_growth(likely) * sum(argument.type.size_bytes for argument in workload.arguments if argument.constant)
    return round(total)
