"""What every cost model has to do; one joins by being registered."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.gaussian_process import GaussianProcessRegressor

from tests.tuner.toy import ToyTemplate, toy_space
from tuner.cost_models import COST_MODELS, CostModel, Prediction, Vector, features, model_factory, register_cost_model
from tuner.cost_models.gaussian_process_model import MAX_ROWS
from tuner.cost_models.surrogate import log_labels
from tuner.cost_models.varying_columns import VaryingColumns

SPACE = toy_space()
CANDIDATES = list(SPACE.all())
ROWS = features(SPACE, CANDIDATES)
SECS = np.array([np.nan if (secs := ToyTemplate().secs(dict(each.decisions))) is None else secs for each in CANDIDATES])
RAN = np.flatnonzero(np.isfinite(SECS))
SHUFFLED = np.random.default_rng(0).permutation(len(CANDIDATES))
LEARNING = sorted(set(COST_MODELS) - {"none"})

MakeModel = Callable[..., CostModel]


@pytest.fixture(params=sorted(COST_MODELS))
def make(request: pytest.FixtureRequest) -> MakeModel:
    return lambda seed=0: model_factory(request.param)(SPACE, seed)


def arrays(prediction: Prediction) -> tuple[Vector, Vector, Vector]:
    return prediction.log_secs, prediction.deviation, prediction.failure


def test_nothing_learnt_is_zero(make: MakeModel) -> None:
    for part in arrays(make().predict(ROWS[:5])):
        assert part.tolist() == [0.0] * 5


def test_no_rows_no_predictions(make: MakeModel) -> None:
    model = make()
    assert all(part.shape == (0,) for part in arrays(model.predict(ROWS[:0])))
    model.fit(ROWS[:0], SECS[:0])
    model.fit(ROWS[:30], SECS[:30])
    assert all(part.shape == (0,) and part.dtype == np.float64 for part in arrays(model.predict(ROWS[:0])))


def test_predictions_are_numbers_of_their_range(make: MakeModel) -> None:
    model = make()
    for count in (1, 2, 3, 9, 60):
        model.fit(ROWS[SHUFFLED[:count]], SECS[SHUFFLED[:count]])
        log_secs, deviation, failure = arrays(model.predict(ROWS))
        assert log_secs.shape == deviation.shape == failure.shape == (len(ROWS),)
        assert np.isfinite(log_secs).all()
        assert np.isfinite(deviation).all()
        assert deviation.min() >= 0
        assert 0 <= failure.min() <= failure.max() <= 1


def test_the_same_seed_predicts_the_same(make: MakeModel) -> None:
    def learnt() -> tuple[Vector, Vector, Vector]:
        model = make(7)
        model.fit(ROWS[SHUFFLED[:80]], SECS[SHUFFLED[:80]])
        return arrays(model.predict(ROWS))

    assert all(np.array_equal(first, second) for first, second in zip(learnt(), learnt(), strict=True))


def test_a_prediction_does_not_depend_on_its_batch(make: MakeModel) -> None:
    model = make()
    model.fit(ROWS[SHUFFLED[:80]], SECS[SHUFFLED[:80]])
    together, alone = model.predict(ROWS[:20]).log_secs, [model.predict(ROWS[row : row + 1]).log_secs[0] for row in range(20)]
    assert together == pytest.approx(np.array(alone), abs=1e-6)


def test_what_is_given_stays_as_it_is(make: MakeModel) -> None:
    rows, secs = ROWS[SHUFFLED[:40]].copy(), SECS[SHUFFLED[:40]].copy()
    model = make()
    model.fit(rows, secs)
    model.predict(rows)
    assert np.array_equal(rows, ROWS[SHUFFLED[:40]], equal_nan=True)
    assert np.array_equal(secs, SECS[SHUFFLED[:40]], equal_nan=True)


def test_equal_rows_are_no_obstacle(make: MakeModel) -> None:
    model = make()
    model.fit(np.repeat(ROWS[RAN[:1]], 12, axis=0), np.full(12, 2e-3))
    log_secs, deviation, _ = arrays(model.predict(ROWS[:4]))
    assert np.isfinite(log_secs).all()
    assert np.isfinite(deviation).all()


def test_only_failures_teach_nothing_of_times(make: MakeModel) -> None:
    model = make()
    model.fit(ROWS[:10], np.full(10, np.nan))
    assert not model.predict(ROWS).log_secs.any()


@pytest.mark.parametrize("name", LEARNING)
def test_it_ranks_what_it_has_not_seen(name: str) -> None:
    model = model_factory(name)(SPACE, 0)
    seen, unseen = SHUFFLED[:120], SHUFFLED[120:]
    model.fit(ROWS[seen], SECS[seen])
    timed = unseen[np.isfinite(SECS[unseen])]
    prediction = model.predict(ROWS[timed])
    assert spearmanr(prediction.log_secs, SECS[timed]).statistic > 0.85
    assert prediction.log_secs.mean() == pytest.approx(np.log(SECS[timed]).mean(), abs=0.3)


@pytest.mark.parametrize("name", LEARNING)
def test_failures_are_foreseen_and_look_slow(name: str) -> None:
    model = model_factory(name)(SPACE, 0)
    seen, unseen = SHUFFLED[:160], SHUFFLED[160:]
    model.fit(ROWS[seen], SECS[seen])
    ran = np.isfinite(SECS[unseen])
    prediction = model.predict(ROWS[unseen])
    assert prediction.failure[~ran].min() > prediction.failure[ran].max()
    assert prediction.log_secs[~ran].mean() > prediction.log_secs[ran].mean() + 0.5


@pytest.mark.parametrize("name", LEARNING)
def test_few_failures_are_a_share(name: str) -> None:
    model = model_factory(name)(SPACE, 0)
    model.fit(ROWS[RAN[:9]], SECS[RAN[:9]])
    assert model.predict(ROWS[:3]).failure.tolist() == [0.05] * 3


@pytest.mark.parametrize("name", LEARNING)
def test_it_is_surer_of_what_it_has_seen(name: str) -> None:
    model = model_factory(name)(SPACE, 0)
    small = np.array([position for position in RAN if int(CANDIDATES[position]["m"]) <= 4])
    large = np.setdiff1d(RAN, small)
    seen = np.random.default_rng(0).choice(small, 60, replace=False)
    model.fit(ROWS[seen], SECS[seen])
    assert model.predict(ROWS[seen]).deviation.mean() < model.predict(ROWS[large]).deviation.mean()


def test_a_gaussian_process_learns_from_more_rows_than_it_keeps() -> None:
    known = np.random.default_rng(0).choice(RAN, 2 * MAX_ROWS)
    model = model_factory("gp")(SPACE, 0)
    model.fit(ROWS[known], SECS[known])
    assert spearmanr(model.predict(ROWS[RAN]).log_secs, SECS[RAN]).statistic > 0.95


def test_a_gaussian_process_estimates_as_scikit_learn_does(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[GaussianProcessRegressor] = []
    fit = GaussianProcessRegressor.fit
    monkeypatch.setattr(GaussianProcessRegressor, "fit", lambda self, *given: fitted.append(self) or fit(self, *given))
    known = np.random.default_rng(0).choice(RAN, MAX_ROWS, replace=False)
    model = model_factory("gp")(SPACE, 0)
    model.fit(ROWS[known], SECS[known])
    log_secs, deviation, _ = arrays(model.predict(ROWS))

    labels = log_labels(SECS[known])
    mean, noisy_deviation = fitted[-1].predict(VaryingColumns(ROWS[known]).of(ROWS), return_std=True)
    expected = np.sqrt(np.maximum(np.square(noisy_deviation) - fitted[-1].kernel_.k2.noise_level, 0.0))
    assert np.abs(log_secs - (labels.mean() + labels.std() * mean)).max() < 1e-6 * labels.std()
    assert np.abs(deviation - labels.std() * expected).max() < 1e-6 * labels.std()
    assert deviation.std() > 0.01 * labels.std()


def test_names_are_unique_and_unknown_ones_are_told() -> None:
    with pytest.raises(ValueError, match="known: extra-trees, forest, gp, none, xgb, xgb-rank"):
        model_factory("oracle")
    with pytest.raises(ValueError, match="registered twice"):
        register_cost_model("xgb")(model_factory("xgb"))
