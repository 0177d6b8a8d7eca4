"""The quantities of batches: those that plans compute candidate by candidate, and traffic that can be counted by hand."""

import numpy as np
import pytest

from compiler.target import Target
from schedule_space import QUANTITIES, UNKNOWN, Candidate, Parameter, ScheduleSpace, space_for
from schedule_space.cache_traffic import Access, LoopLevel, bytes_into_caches, footprints
from schedule_space.decision_columns import DecisionColumns
from schedule_space.tile_plan import read_plan as read_tile_plan
from schedule_space.tiled_reduction import TiledReduction
from schedule_space.winograd import Winograd
from schedule_space.winograd_plan import read_plan as read_winograd_plan
from tests.schedule_space.workloads import WINOGRAD, WORKLOADS

TARGET = Target.parse("llvm -mcpu=x86-64-v3 -vector-bits=128 -num-cores=3")
EVERY = {**WORKLOADS, **WINOGRAD}
DRAWS = 40


def drawn(space: ScheduleSpace) -> tuple[list[Candidate], dict[str, list[float]]]:
    candidates = [space.default(), *space.sample(np.random.default_rng(1), DRAWS)]
    columns = space.decision_columns
    told = space.describe_batch(columns.columns(columns.positions(candidates)))
    return candidates, {name: values.tolist() for name, values in told.items()}


@pytest.mark.parametrize("name", EVERY)
def test_quantities_are_known_numbers_and_do_not_depend_on_the_batch(name: str) -> None:
    space = space_for(EVERY[name], TARGET, TARGET.cores)
    candidates, told = drawn(space)
    assert set(told) <= set(QUANTITIES)
    assert all(np.isfinite(values).all() and min(values) >= 0 and len(values) == len(candidates) for values in told.values())
    for position in (0, len(candidates) // 2, len(candidates) - 1):
        assert space.describe(candidates[position]) == {quantity: values[position] for quantity, values in told.items()}


@pytest.mark.parametrize("name", EVERY)
def test_batches_tell_what_plans_tell(name: str) -> None:
    space = space_for(EVERY[name], TARGET, TARGET.cores)
    candidates, told = drawn(space)
    template = space.template
    expected: list[dict[str, float]] = []
    for candidate in candidates:
        if isinstance(template, TiledReduction):
            plan = read_tile_plan(template.nest, dict(candidate.decisions))
            numbers = template.numbers(plan)
            iterations = template._parallel_iterations(plan, numbers)
            expected.append(
                {
                    "accumulators": numbers.accumulators,
                    "registers": numbers.registers,
                    "waste": numbers.waste,
                    "code_vectors": numbers.copies * plan.unroll * (2 if plan.place == "border" else 1),
                    "parallel_iterations": iterations,
                    "imbalance": template._imbalance(plan, numbers, iterations),
                    "scratch_bytes": plan.scratch_bytes(),
                    "loads": plan.window_loads() if plan.windows else numbers.loads,
                }
            )
        elif isinstance(template, Winograd):
            form = read_winograd_plan(template.nest, dict(candidate.decisions))
            expected.append(
                {
                    "waste": form.waste,
                    "code_vectors": form.copies * form.unroll,
                    "parallel_iterations": form.parallel_iterations,
                    "scratch_bytes": form.scratch_bytes,
                }
            )
    for quantity in expected[0] if expected else ():
        assert told[quantity] == pytest.approx([each[quantity] for each in expected]), quantity


def test_traffic_of_a_matrix_product_counted_by_hand() -> None:
    """C[64, 64] += A[64, 256] B[256, 64], float32, tiles of 8 x 16, rows outermost, then columns."""
    row, column, k = (64, (("i", 1),)), (64, (("j", 1),)), (256, (("k", 1),))
    accesses = (Access("a", 4, (row, k)), Access("b", 4, (k, column)), Access("c", 4, (row, column)))

    def level(i: int, j: int) -> LoopLevel:
        extents = {"i": np.array([float(i)]), "j": np.array([float(j)]), "k": np.array([256.0])}
        return LoopLevel(extents, np.array([64 / i * 64 / j]))

    levels = (level(8, 16), level(8, 64), level(64, 64))
    touched = footprints(accesses, levels)
    tile, rows, everything = (float(sum(parts)[0]) for parts in touched)
    assert (tile, rows) == (4 * (8 * 256 + 256 * 16 + 8 * 16), 4 * (8 * 256 + 256 * 64 + 8 * 64))
    nothing, one_tile, one_row, whole = (
        float(values[0]) for values in bytes_into_caches(touched, levels, [1024, int(tile / 0.8), int(rows / 0.8), 1 << 20], 1)
    )
    a, b, c = 4 * 64 * 256, 4 * 256 * 64, 4 * 64 * 64
    assert whole == everything == a + b + c
    assert one_row == a + b + c  # B stays while the rows pass by
    assert one_tile == a + 8 * b + c  # A's rows stay, B comes again for each of the 8 groups of rows
    assert nothing == one_tile


def test_footprints_of_strided_windows_end_at_the_border() -> None:
    data = Access("data", 4, ((30, (("y", 2), ("ry", 1))), (7, None)))
    extents = {"y": np.array([1.0, 4.0, 15.0]), "ry": np.array([3.0, 3.0, 3.0])}
    assert data.bytes_touched(extents).tolist() == [4 * 7 * 3, 4 * 7 * 9, 4 * 7 * 30]


def test_positions_and_columns() -> None:
    table = DecisionColumns((Parameter("size", (1, 2, 4)), Parameter("word", ("a", "b")), Parameter("flag", (True, False))))
    known = Candidate((("size", 4), ("word", "b"), ("flag", False)))
    foreign = Candidate((("size", 3), ("word", "a"), ("flag", True)))
    shorter = Candidate((("flag", False), ("size", 2)))
    positions = table.positions([known, foreign, shorter])
    assert positions.tolist() == [[2, 1, 1], [UNKNOWN, 0, 0], [1, UNKNOWN, 1]]
    columns = table.columns(positions)
    assert {name: values.tolist() for name, values in columns.items()} == {
        "size": [4, 1, 2],
        "word": ["b", "a", "a"],
        "flag": [False, True, False],
    }
    assert table.positions([]).shape == (0, 3)
