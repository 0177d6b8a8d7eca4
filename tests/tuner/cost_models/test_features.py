"""Candidates as numbers, and what the cost model learns from them."""

import numpy as np
import pytest

from schedule_space import Candidate
from tests.tuner.toy import ToyTemplate, toy_space
from tuner import FeatureEncoder, XGBoostCostModel, features

SPACE = toy_space()


def test_one_row_per_candidate_with_logs_words_and_descriptions() -> None:
    candidate = SPACE.candidate({"m": 8, "n": 2, "order": "nm", "unroll": 1, "pack": True})
    (row,) = features(SPACE, [candidate])
    assert row.tolist() == [3.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, pytest.approx(np.log2(17))]
    assert features(SPACE, []).shape == (0, 8)


def test_rows_do_not_depend_on_the_batch() -> None:
    candidates = SPACE.sample(np.random.default_rng(0), 20)
    encoder = FeatureEncoder(SPACE)
    together = encoder.encode(candidates)
    assert together.dtype == np.float64
    assert np.array_equal(together, np.concatenate([encoder.encode([candidate]) for candidate in candidates]))
    assert len(np.unique(together, axis=0)) == 20


def test_a_choice_that_is_no_longer_offered_is_missing() -> None:
    old = Candidate((("m", 3), ("n", 2), ("order", "nm"), ("unroll", 1), ("pack", True)))
    (row,) = features(SPACE, [old])
    assert np.isnan(row[0])
    assert np.isfinite(row[1:]).all()


def test_the_model_ranks_what_it_has_not_seen() -> None:
    template = ToyTemplate()
    candidates = list(SPACE.all())
    secs = np.array([np.nan if (value := template.secs(dict(each.decisions))) is None else value for each in candidates])
    rows = features(SPACE, candidates)
    chosen = np.random.default_rng(0).permutation(len(candidates))
    seen, unseen = chosen[:120], chosen[120:]
    model = XGBoostCostModel(seed=0)
    assert not model.predict(rows).log_secs.any()
    model.fit(rows[seen], secs[seen])
    predicted = model.predict(rows[unseen]).log_secs
    ran = np.isfinite(secs[unseen])
    assert np.corrcoef(predicted[ran], np.log(secs[unseen][ran]))[0, 1] > 0.9
    assert predicted[~ran].min() > predicted[ran].min()
    assert predicted[~ran].mean() > predicted[ran].mean() + 0.5


def test_only_failures_teach_nothing() -> None:
    rows = features(SPACE, list(SPACE.all())[:10])
    model = XGBoostCostModel(seed=0)
    model.fit(rows, np.full(10, np.nan))
    assert not model.predict(rows).log_secs.any()
