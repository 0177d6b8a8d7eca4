"""Candidates as numbers: the decisions of the space, then the columns that are the same for every space."""

import numpy as np
import pytest

from compiler.target import Target
from schedule_space import Candidate, space_for
from tests.schedule_space.workloads import WINOGRAD, WORKLOADS
from tests.tuner.toy import toy_space
from tuner.cost_models import FIXED_COLUMNS, FIXED_WIDTH, FeatureEncoder, features, fixed_part, nominal_secs

SPACE = toy_space()
DECISIONS = 7  # columns of the toy's decisions
TARGETS = ("llvm -mcpu=x86-64-v3 -num-cores=1", "llvm -mcpu=x86-64-v4 -num-cores=4", "pi3b")


def column(name: str) -> int:
    return FIXED_COLUMNS.index(name)


def test_one_row_per_candidate_with_logs_words_and_fixed_columns() -> None:
    candidate = SPACE.candidate({"m": 8, "n": 2, "order": "nm", "unroll": 1, "pack": True})
    (row,) = features(SPACE, [candidate])
    assert row[:DECISIONS].tolist() == [3.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    fixed = row[DECISIONS:]
    assert fixed[column("registers")] == 4.0
    assert fixed[column("register_share")] == 16 / SPACE.target.vector_registers
    assert np.isnan(fixed[column("waste")])
    assert fixed[column("task_flops")] == np.log2(64)
    assert features(SPACE, []).shape == (0, DECISIONS + FIXED_WIDTH)


def test_rows_do_not_depend_on_the_batch() -> None:
    candidates = SPACE.sample(np.random.default_rng(0), 20)
    encoder = FeatureEncoder(SPACE)
    together = encoder.encode(candidates)
    assert together.dtype == np.float64
    assert np.array_equal(together, np.concatenate([encoder.encode([candidate]) for candidate in candidates]), equal_nan=True)
    assert len(np.unique(together[:, :DECISIONS], axis=0)) == 20


def test_a_choice_that_is_no_longer_offered_is_missing_with_what_follows_from_it() -> None:
    old = Candidate((("m", 3), ("n", 2), ("order", "nm"), ("unroll", 1), ("pack", True)))
    (row,) = features(SPACE, [old])
    assert np.isnan(row[0])
    assert np.isfinite(row[1:DECISIONS]).all()
    assert np.isnan(row[DECISIONS:]).all()


@pytest.mark.parametrize("text", TARGETS)
def test_fixed_columns_are_the_same_ones_for_every_workload_and_target(text: str) -> None:
    target = Target.parse(text)
    for name, workload in {**WORKLOADS, **WINOGRAD}.items():
        space = space_for(workload, target, target.cores)
        rows = fixed_part(features(space, [space.default(), *space.sample(np.random.default_rng(0), 8)]))
        assert rows.shape[1] == FIXED_WIDTH == len(set(FIXED_COLUMNS)), name
        assert not np.isinf(rows).any(), name
        missing = np.isnan(rows)
        assert (missing == missing[0]).all(), name
        assert not missing[:, column("task_flops") :].any(), name
        assert 0 < nominal_secs(workload, target) < 1, name


def test_unequal_candidates_of_a_real_space_differ_in_their_fixed_columns() -> None:
    target = Target.parse(TARGETS[0])
    space = space_for(WORKLOADS["conv_blocked"], target, 1)
    rows = fixed_part(features(space, space.sample(np.random.default_rng(0), 200)))
    assert len(np.unique(np.nan_to_num(rows), axis=0)) > 0.8 * len(rows)
