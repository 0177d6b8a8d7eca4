"""What the local model believes, on a space whose times are known."""

import numpy as np
import pytest

from schedule_space import Candidate
from tests.tuner.toy import ToyTemplate, toy_space
from tuner import FeatureEncoder
from tuner.strategies.local_model import DecisionKernel, LocalModel, Place, feature_places

SPACE = toy_space()
ALL = list(SPACE.all())
ENCODER = FeatureEncoder(SPACE)
ROWS = ENCODER.encode(ALL)


def place(candidates: list[Candidate], prior: float = 0.0) -> Place:
    points = np.array([SPACE.point(candidate) for candidate in candidates], np.intp).reshape(len(candidates), len(SPACE.parameters))
    return Place(points, feature_places(ENCODER.encode(candidates), ROWS), np.full(len(candidates), prior))


def log_secs(candidates: list[Candidate]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    template = ToyTemplate()
    return np.log([template.secs(dict(candidate.decisions)) or 1e-2 for candidate in candidates]) - np.log(1e-3)


@pytest.fixture
def known() -> list[Candidate]:
    timed = [candidate for candidate in ALL if candidate["unroll"] != 16]
    return [timed[position] for position in np.random.default_rng(0).permutation(len(timed))[:48]]


def fitted(known: list[Candidate], pending: list[Candidate]) -> LocalModel:
    return LocalModel(DecisionKernel(SPACE), place(known), log_secs(known), place(pending), 0.5)


def test_what_was_measured_is_predicted(known: list[Candidate]) -> None:
    mean, variance, _ = fitted(known, []).predict(place(known))
    assert np.abs(mean - log_secs(known)).max() < 0.1
    assert np.sqrt(variance).max() < 0.06


def test_most_of_the_rest_is_foretold(known: list[Candidate]) -> None:
    rest = [candidate for candidate in ALL if candidate["unroll"] != 16 and candidate not in known]
    mean, variance, _ = fitted(known, []).predict(place(rest))
    errors = np.abs(mean - log_secs(rest))
    assert np.corrcoef(mean, log_secs(rest))[0, 1] > 0.9
    assert (errors < 2.0 * np.sqrt(variance)).mean() > 0.85


def test_before_the_first_measurement_everything_is_at_the_level_above_its_prior() -> None:
    mean, variance, _ = fitted([], []).predict(place(ALL, prior=0.25))
    assert mean == pytest.approx(0.75)
    assert (variance > 0.01).all()


def test_what_is_on_its_way_is_no_longer_unknown_and_moves_no_mean(known: list[Candidate]) -> None:
    pending = [candidate for candidate in ALL if candidate not in known][:3]
    before, doubt, _ = fitted(known, []).predict(place(pending))
    after, less_doubt, _ = fitted(known, pending).predict(place(pending))
    assert after == pytest.approx(before, abs=0.01)
    assert (less_doubt < doubt).all()


def test_the_covariance_is_that_of_the_posterior(known: list[Candidate]) -> None:
    asked = place(ALL[:20])
    model = fitted(known, [])
    _, variance, learnt = model.predict(asked)
    for position in (0, 7, 19):
        covariance = model.covariance(asked, learnt, position)
        assert covariance[position] == pytest.approx(variance[position])
        assert (np.square(covariance) <= variance * variance[position] * (1 + 1e-9)).all()
