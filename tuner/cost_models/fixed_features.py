"""Features that mean the same for every workload, template and target, so that records of different workloads train one model.

In: the quantities by which a space describes a batch (`schedule_space/quantities.py`), workload and target. Out: one row of `FIXED_COLUMNS`
per candidate; what a template does not tell is not-a-number. Whoever changes what a column means, or their order, counts up
`FEATURES_VERSION`: stored models name the version that they were trained on. Next: `features.py`, which adds the decisions themselves.
"""

from collections.abc import Callable, Mapping
from math import log2

import numpy as np
from numpy.typing import NDArray

from compiler.graph import performed_flops, workload_bytes
from schedule_space import Columns, ScheduleSpace
from tuner.cost_models.nominal_time import weight_bytes

Matrix = NDArray[np.float64]
Told = Callable[[str], Matrix]

FEATURES_VERSION = 1
NO_BYTES = 64.0  # a cache line: bytes below it count as it, so that none at all has a logarithm

# As they are: shares, ratios, flags.
PLAIN = (
    "waste", "lane_waste", "remainder", "imbalance", "vector_axis_depth", "at_root", "at_iteration", "at_tile", "inlined", "bordered",
    "packed", "skew", "local",
)  # fmt: skip
COUNTS = ("accumulators", "registers", "unroll", "reduction", "code_vectors", "parallel_iterations", "serial_tiles", "tiles")  # log2
BYTES = ("tile_bytes", "iteration_bytes", "scratch_bytes", "prefetch_bytes")  # log2
STEP_BYTES = ("l1_bytes", "l2_bytes", "l3_bytes", "source_bytes")  # log2 of bytes per vector multiply-add
DERIVED: Mapping[str, tuple[str, ...]] = {
    "register_share": ("registers",),
    "loads_per_step": ("loads", "accumulators"),
    "vector_loads_per_step": ("vector_loads", "accumulators"),
    "work_per_body": ("accumulators", "unroll"),
    "steps_per_flop": ("vector_steps",),
    "transforms_per_step": ("transform_steps", "vector_steps"),
    "tile_in_l1": ("tile_bytes",),
    "iteration_in_l2": ("iteration_bytes",),
    "scratch_in_l2": ("scratch_bytes",),
}
TASK = (
    "task_flops", "task_bytes", "task_intensity", "task_weights", "task_weights_in_l2", "task_weights_in_l3", "task_data_in_l2", "task_ops",
    "target_lanes", "target_registers", "target_threads", "target_l1", "target_l2", "target_l3",
)  # fmt: skip
FIXED_COLUMNS: tuple[str, ...] = (*PLAIN, *COUNTS, *BYTES, *STEP_BYTES, *DERIVED, *TASK)
FIXED_WIDTH = len(FIXED_COLUMNS)


class FixedFeatures:
    """The fixed columns of one space."""

    def __init__(self, space: ScheduleSpace) -> None:
        self._space = space
        self._flops = float(performed_flops(space.workload))
        self._task = np.array(_task_columns(space, self._flops))

    def of(self, columns: Columns, count: int) -> Matrix:
        """Rows for the `count` candidates of a batch."""
        rows = np.full((count, FIXED_WIDTH), np.nan)
        rows[:, FIXED_WIDTH - len(TASK) :] = self._task
        if not columns:
            return rows
        told = self._space.describe_batch(columns)
        for position, values in enumerate(self._candidate_columns(told)):
            if values is not None:
                rows[:, position] = values
        return rows

    def _candidate_columns(self, told: Mapping[str, Matrix]) -> list[Matrix | None]:
        """In the order of `FIXED_COLUMNS`; None where the template does not tell."""
        found: list[Matrix | None] = [told.get(name) for name in PLAIN]
        found += [np.log2(np.maximum(told[name], 2**-10)) if name in told else None for name in COUNTS]
        found += [np.log2(np.maximum(told[name], NO_BYTES)) if name in told else None for name in BYTES]
        steps = told.get("vector_steps")
        found += [np.log2(np.maximum(told[name], NO_BYTES) / steps) if name in told and steps is not None else None for name in STEP_BYTES]
        found += [self._derived(name, told) if all(part in told for part in parts) else None for name, parts in DERIVED.items()]
        return found

    def _derived(self, name: str, told: Mapping[str, Matrix]) -> Matrix:
        target = self._space.target
        match name:
            case "register_share":
                return told["registers"] / target.vector_registers
            case "loads_per_step":
                return told["loads"] / told["accumulators"]
            case "vector_loads_per_step":
                return told["vector_loads"] / told["accumulators"]
            case "work_per_body":
                return np.log2(told["accumulators"] * told["unroll"])
            case "steps_per_flop":
                return np.log2(told["vector_steps"] * 2 * target.vector_lanes / max(self._flops, 1.0))
            case "transforms_per_step":
                return told["transform_steps"] / told["vector_steps"]
            case "tile_in_l1":
                return np.log2(np.maximum(told["tile_bytes"], NO_BYTES) / target.l1_bytes)
            case "iteration_in_l2":
                return np.log2(np.maximum(told["iteration_bytes"], NO_BYTES) / target.l2_bytes)
            case "scratch_in_l2":
                return np.log2(np.maximum(told["scratch_bytes"], NO_BYTES) / target.l2_bytes)
            case _:
                raise ValueError(f"no rule for the feature {name!r}")


def _task_columns(space: ScheduleSpace, flops: float) -> list[float]:
    """In the order of `TASK`; the same for all candidates of a space."""
    workload, target = space.workload, space.target
    moved = float(workload_bytes(workload))
    weights = max(weight_bytes(workload), NO_BYTES)
    data = max(moved - sum(argument.type.size_bytes for argument in workload.arguments if argument.constant), NO_BYTES)
    return [
        log2(max(flops, 1.0)),
        log2(moved),
        log2(max(flops, 1.0) / moved),
        log2(weights),
        log2(weights / target.l2_bytes),
        log2(weights / max(target.l3_bytes, target.l2_bytes)),
        log2(data / target.l2_bytes),
        float(len(workload.ops)),
        float(target.vector_lanes),
        float(target.vector_registers),
        float(space.threads),
        log2(target.l1_bytes),
        log2(target.l2_bytes),
        log2(max(target.l3_bytes, target.l2_bytes)),
    ]
