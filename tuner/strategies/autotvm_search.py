"""AutoTVM's tuner with its published settings, as the baseline that others are compared with (Chen et al., NeurIPS 2018;
settings as in `autotvm/tuner` of TVM: `xgboost_cost_model.py`, `model_based_tuner.py`, `sa_model_optimizer.py`).

64 random candidates -> boosted trees on the ranks of all measurements, over knob indices -> 128 annealing walks of at most 500 steps
over the model -> a plan of the 64 best that were met, its last 5 % random -> measured to the end before the next fit

What differs: the space's default goes first, as in all strategies here, and a walk steps only to valid candidates, while AutoTVM finds out
about the others by building them.
"""

from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from schedule_space import Candidate, ScheduleSpace
from tuner.cost_models import ModelFactory
from tuner.strategies.search_strategy import Search, register_strategy

PLAN = 64
RANDOM_SHARE = 0.05
PARAMETERS = {
    "objective": "rank:pairwise",
    "lambdarank_pair_method": "mean",  # what XGBoost did before its version 2
    "max_depth": 3,
    "eta": 0.3,
    "gamma": 0.0001,
    "min_child_weight": 1,
    "subsample": 1.0,
    "lambda": 1.0,
    "alpha": 0.0,
    "tree_method": "exact",
    "nthread": 1,
    "verbosity": 0,
}
MAX_TREES = 8000
PATIENCE = 20  # trees without a better recall of the fastest measured candidates
CHAINS, STEPS, PATIENT_STEPS = 128, 500, 50
FIRST_TEMPERATURE, LAST_TEMPERATURE = 1.0, 0.0
TRIES_PER_STEP = 8  # for a valid neighbour; else the walk stays where it is

Positions = NDArray[np.int64]
Scores = NDArray[np.float64]


@register_strategy("autotvm")
class AutoTvmSearch(Search):
    """Candidates are positions in the choices of the parameters: knob indices."""

    summary = "AutoTVM's published settings, for comparison"

    def __init__(self, space: ScheduleSpace, rng: np.random.Generator, make_model: ModelFactory) -> None:
        super().__init__(space, rng, make_model)
        self._sizes = np.array([len(parameter.choices) for parameter in space.parameters])
        self._seed = int(rng.integers(1 << 31))
        self._plan: list[Candidate] = []
        self._plans = 0
        self._walkers: list[Candidate] = []

    def propose(self, count: int) -> list[Candidate]:
        if len(self.history.observations) >= PLAN * (self._plans + 1):
            self._plan, self._plans = self._make_plan(), len(self.history.observations) // PLAN
        chosen: list[Candidate] = []
        chance = round(RANDOM_SHARE * PLAN)
        while len(self._plan) > chance and len(chosen) < count:
            candidate = self._plan.pop(0)
            if not self.history.is_claimed(candidate):
                chosen.append(candidate)
        return chosen + self.draw(count - len(chosen))

    def _make_plan(self) -> list[Candidate]:
        """By least predicted rank; none before anything has a time."""
        booster = self._fit()
        if booster is None:
            return []
        walkers = (self._walkers + self.draw(CHAINS - len(self._walkers)))[:CHAINS]
        if not walkers:
            return []
        best: dict[Candidate, float] = {}
        scores = self._score(booster, walkers)
        self._note(best, walkers, scores)
        quiet = 0
        for step in range(STEPS):
            temperature = FIRST_TEMPERATURE + (LAST_TEMPERATURE - FIRST_TEMPERATURE) * step / STEPS
            proposals = [self._walk(walker) for walker in walkers]
            proposed = self._score(booster, proposals)
            with np.errstate(over="ignore"):
                chances = np.exp(np.minimum((proposed - scores) / (temperature + 1e-5), 1.0))
            accepted = self.rng.random(len(walkers)) < chances
            walkers = [new if yes else old for new, old, yes in zip(proposals, walkers, accepted, strict=True)]
            scores = np.where(accepted, proposed, scores)
            quiet = 0 if self._note(best, proposals, proposed) else quiet + 1
            if quiet > PATIENT_STEPS:
                break
        self._walkers = walkers
        return sorted(best, key=lambda candidate: -best[candidate])

    def _fit(self) -> Any | None:
        """AutoTVM learns throughput relative to the best; a failure has none."""
        run_secs = self.history.run_secs()
        if not np.isfinite(run_secs).any():
            return None
        throughput = np.where(np.isfinite(run_secs), np.nanmin(run_secs) / run_secs, 0.0)
        data = xgboost.DMatrix(self._indices([each.candidate for each in self.history.observations]), label=throughput, nthread=1)
        data.set_group([len(throughput)])
        stop = xgboost.callback.EarlyStopping(rounds=PATIENCE, metric_name="recall", maximize=True)
        return xgboost.train(
            PARAMETERS | {"seed": self._seed, "disable_default_eval_metric": 1},
            data,
            MAX_TREES,
            evals=[(data, "measured")],
            custom_metric=_average_recall,
            callbacks=[stop],
            verbose_eval=False,
        )

    def _walk(self, walker: Candidate) -> Candidate:
        """One knob changes to any other choice."""
        names = [parameter.name for parameter in self.space.parameters]
        turning = np.flatnonzero(self._sizes > 1)
        for _ in range(TRIES_PER_STEP if len(turning) else 0):
            knob = int(turning[int(self.rng.integers(len(turning)))])
            choices = self.space.parameters[knob].choices
            decisions = dict(walker.decisions)
            decisions[names[knob]] = choices[int(self.rng.integers(len(choices)))]
            if decisions[names[knob]] != walker.decisions[knob][1] and self.space.is_valid(decisions):
                return self.space.candidate(decisions)
        return walker

    def _note(self, best: dict[Candidate, float], candidates: list[Candidate], scores: Scores) -> bool:
        """Keeps the `PLAN` highest scores of candidates that nobody has claimed; whether there was news."""
        floor = min(best.values()) if len(best) >= PLAN else -np.inf
        news = False
        for candidate, score in zip(candidates, scores.tolist(), strict=True):
            if score > floor and candidate not in best and not self.history.is_claimed(candidate):
                best[candidate] = score
                news = True
        for candidate in sorted(best, key=lambda candidate: -best[candidate])[PLAN:]:
            del best[candidate]
        return news

    def _score(self, booster: Any, candidates: list[Candidate]) -> Scores:
        return np.asarray(booster.inplace_predict(self._indices(candidates), predict_type="margin"), np.float64)

    def _indices(self, candidates: list[Candidate]) -> NDArray[np.float32]:
        return np.array([self.space.point(candidate) for candidate in candidates], np.float32).reshape(len(candidates), len(self._sizes))


def _average_recall(scores: NDArray[np.float32], data: Any) -> tuple[str, float]:
    """Mean over N up to a plan of the share of the N fastest that are among the N highest scores (AutoTVM's `a-recall`)."""
    labels = data.get_label()
    count = min(PLAN, len(labels))
    rank_by_score = np.empty(len(labels), np.int64)
    rank_by_score[np.argsort(-scores, kind="stable")] = np.arange(len(labels))
    of_fastest = rank_by_score[np.argsort(-labels, kind="stable")[:count]]
    found = np.array([(of_fastest[:top] < top).sum() / top for top in range(1, count + 1)])
    return "recall", float(found.mean())
