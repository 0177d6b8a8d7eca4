"""A step of the descent needs more than luck."""

import numpy as np
import pytest

from measure import Measurement, MeasureStatus
from schedule_space import Candidate
from tests.tuner.toy import toy_space
from tuner.strategies import CoordinateDescent


def timed(*run_secs: float) -> Measurement:
    return Measurement(status=MeasureStatus.OK, run_secs=run_secs)


def nobody_knows(*_: object) -> None:
    """Stands for a model that is never asked."""


@pytest.fixture
def descent() -> CoordinateDescent:
    return CoordinateDescent(toy_space(), np.random.default_rng(0), nobody_knows)  # type: ignore[arg-type]


def around(candidate: Candidate) -> set[Candidate]:
    return set(toy_space().neighbours(candidate))


def test_first_all_neighbours_of_the_default(descent: CoordinateDescent) -> None:
    neighbours = around(descent.default)
    suggested = descent.suggest(1 + len(neighbours))
    assert suggested[0] == descent.default
    assert set(suggested[1:]) == neighbours


def test_it_steps_to_a_neighbour_that_is_faster_beyond_chance(descent: CoordinateDescent) -> None:
    default, better, *others = descent.suggest(4)
    descent.update([(default, timed(1.0, 1.01, 1.02, 1.0)), (better, timed(0.8, 0.81, 0.82, 0.8))])
    descent.update([(other, timed(1.5, 1.5, 1.51, 1.52)) for other in others])
    assert set(descent.suggest(3)) <= around(better)


def test_it_stays_where_the_samples_overlap(descent: CoordinateDescent) -> None:
    default, lucky, *others = descent.suggest(4)
    descent.update([(default, timed(1.0, 1.2, 1.1, 1.05)), (lucky, timed(0.98, 1.21, 1.12, 1.04))])
    descent.update([(other, timed(1.5, 1.5, 1.51, 1.52)) for other in others])
    assert set(descent.suggest(3)) <= around(default)


def test_a_default_that_fails_is_left(descent: CoordinateDescent) -> None:
    default, works = descent.suggest(2)
    descent.update([(default, Measurement(status=MeasureStatus.CRASH, error="killed by SIGSEGV")), (works, timed(1.0, 1.0, 1.0))])
    assert set(descent.suggest(3)) <= around(works)
