"""Who works on which core."""

from measure import Placement, place_workers
from measure.placement import MAX_BUILDERS


def test_every_core_builds_and_those_of_the_timing_rest() -> None:
    assert place_workers(1, (0, 1)) == Placement(timing=(1,), builders=(0, 1), resting=(1,))
    assert place_workers(2, (0, 1)) == Placement(timing=(0, 1), builders=(0, 1), resting=(0, 1))
    assert place_workers(2, (7, 4, 5, 6)) == Placement(timing=(6, 7), builders=(4, 5, 6, 7), resting=(2, 3))


def test_one_core_does_both_by_turns() -> None:
    assert place_workers(1, (3,)) == Placement(timing=(3,), builders=(3,), resting=(0,))


def test_more_threads_than_cores_use_all_of_them() -> None:
    assert place_workers(8, (0, 1)).timing == (0, 1)


def test_many_cores_need_no_more_builders_than_the_timing_can_use() -> None:
    placement = place_workers(1, range(64))
    assert (placement.timing, placement.builders, placement.resting) == ((63,), tuple(range(MAX_BUILDERS)), ())


def test_the_cores_of_this_process_are_found() -> None:
    placement = place_workers(1)
    assert placement.timing[0] == max(placement.timing)
    assert placement.builders
