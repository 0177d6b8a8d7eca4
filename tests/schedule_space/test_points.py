"""Candidates as positions of their choices."""

import numpy as np
import pytest

from tests.tuner.toy import ToyTemplate, toy_space


def test_a_point_leads_back_to_its_candidate() -> None:
    space = toy_space()
    for candidate in space.all():
        assert space.at(space.point(candidate)) == candidate


def test_neighbours_differ_in_one_decision_are_valid_and_are_all_there() -> None:
    space = toy_space()
    for candidate in space.sample(np.random.default_rng(0), 40):
        neighbours = space.neighbours(candidate)
        assert len(neighbours) == len(set(neighbours))
        expected = set()
        for other in space.all():
            moves = [
                (axis, new - old)
                for axis, (new, old) in enumerate(zip(space.point(other), space.point(candidate), strict=True))
                if new != old
            ]
            if len(moves) == 1 and (abs(moves[0][1]) == 1 or not space.is_numeric[moves[0][0]]):
                expected.add(other)
        assert set(neighbours) == expected


def test_validity_is_asked_once() -> None:
    asked = []

    class Counting(ToyTemplate):
        def is_valid(self, decisions: object) -> bool:
            asked.append(decisions)
            return super().is_valid(decisions)  # type: ignore[arg-type]

    space = toy_space(Counting())
    first = space.neighbours(space.default())
    count = len(asked)
    assert space.neighbours(space.default()) == first
    assert len(asked) == count > 0


def test_a_candidate_of_another_space_has_no_point() -> None:
    stranger = toy_space(ToyTemplate(tiles=(1, 64))).default()
    with pytest.raises(KeyError):
        toy_space(ToyTemplate(tiles=(2, 4))).point(stranger)
