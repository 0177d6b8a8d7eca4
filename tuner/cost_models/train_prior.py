"""From records of any workloads and devices to a `Prior`.

In: `TaskTimes`, which `task_times` makes of the records of a database. Out: a `Prior` whose header says how far it errs on workloads that
it has not seen. Next: `prior.py`.

Pairwise ranking within each task, as chosen by measurement: what a search asks is which candidate of a kernel is faster, and levels of
kernels are another matter, which take most of what trees of squared errors learn. On 25,000 records of 53 kernels of nine networks, each
left out in turn, the rank correlation within a kernel is 0.79, and of the candidates in the predicted order the 4.4th (geometric mean) is
the first within 5 % of the best, of the 45 kernels whose default is not; squared error on log(time) reaches 0.735 and 7.3, on log(time /
best) 0.765 and 6.6, the same with weights that fall with the time 0.775 and 5.8, LambdaMART for NDCG 0.68 and 5.1. Some of these
differences are noise: another seed, and depths of 3 and 6, move the place by 0.8. Scores become logarithms of time by one straight line,
over kernels that the trees have not seen.

What did not help, in places over three seeds where the chosen way has 4.5: features less the default's 6.3, beside them 5.2; features as
quantiles of the kernel's candidates 4.8, beside them 4.4; four bagged rankers 4.6; relevances that fall faster 5.0. Records of 460 further
tasks, of networks and single operators, less those of the network left out: as many trials as before. Trees that have seen half a kernel's
own candidates put the first good one of the other half in place 2.3, which bounds what these features can tell.

Spilled registers, which builds report, do not pay: with those that a model predicts as a further column the correlation is 0.757 instead
of 0.761, with the true ones 0.757 too; 1 to 3 % of the candidates spill in their innermost loops.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import xgboost

from compiler.errors import TilewrightError
from compiler.target import Target
from records_db import Record, Source
from schedule_space import Candidate, ScheduleSpace, space_for
from tuner.cost_models.cost_model import Vector
from tuner.cost_models.features import FeatureEncoder, fixed_part
from tuner.cost_models.fixed_features import FEATURES_VERSION, FIXED_COLUMNS, Matrix
from tuner.cost_models.nominal_time import nominal_secs
from tuner.cost_models.prior import Prior, PriorHeader
from tuner.cost_models.surrogate import log_labels
from tuner.errors import PriorError

LEAST_CANDIDATES = 4  # of a task: fewer tell nothing of what makes one faster than another
FOLDS = 4
ROUNDS = 200
RELEVANCES, RELEVANCE_FALL = 31, 3.0  # levels; candidates 1 % apart at the best, 3 % at 1.4 times its time are alike
PARAMETERS = {
    "objective": "rank:pairwise",
    "lambdarank_pair_method": "mean",
    "lambdarank_num_pair_per_sample": 4,
    "tree_method": "hist",
    "max_bin": 64,
    "max_depth": 4,
    "learning_rate": 0.1,
    "min_child_weight": 0.3,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    "reg_lambda": 1.0,
    "verbosity": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTimes:
    """What one device measured of one workload for one target. rows: fixed features. log_ratios: log(time / nominal time), as labels."""

    workload: str
    device: str
    rows: Matrix
    log_ratios: Vector

    @staticmethod
    def of(space: ScheduleSpace, candidates: Sequence[Candidate], run_secs: Vector, device: str) -> "TaskTimes | None":
        """Candidates of one space, not-a-number for those that failed; None where too few ran."""
        ran = np.flatnonzero(np.isfinite(run_secs))
        if len(ran) < LEAST_CANDIDATES:
            return None
        rows = fixed_part(FeatureEncoder(space).encode([candidates[position] for position in ran.tolist()]))
        ratios = log_labels(run_secs[ran]) - log(nominal_secs(space.workload, space.target))
        return TaskTimes(workload=space.workload.key, device=device, rows=rows, log_ratios=ratios)


def task_times(records: Iterable[Record]) -> list[TaskTimes]:
    """Of each task with enough candidates; what this version's spaces do not hold, and imported times, are left out."""
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        if record.source is Source.MEASURED:
            groups.setdefault((record.workload.key, record.target, record.device.fingerprint), []).append(record)
    found = (_of_one_task(group) for group in groups.values() if len(group) >= LEAST_CANDIDATES)
    return [task for task in found if task is not None]


def _of_one_task(records: Sequence[Record]) -> TaskTimes | None:
    first = records[0]
    try:
        target = Target.parse(first.target)
        space = space_for(first.workload, target, target.cores)
    except TilewrightError:
        return None
    best = _best_secs(space, records)
    return TaskTimes.of(space, list(best), np.array(list(best.values())), first.device.model)


def _best_secs(space: ScheduleSpace, records: Sequence[Record]) -> dict[Candidate, float]:
    """The shortest time of each candidate that the space still makes the same schedule of, not-a-number where it has none."""
    found: dict[Candidate, float] = {}
    for record in records:
        if not space.contains(record.decisions):
            continue
        candidate = space.candidate(record.decisions)
        secs = record.measurement.best_secs
        if candidate in found or space.schedule(candidate) == record.schedule:
            found[candidate] = float(np.fmin(found.get(candidate, np.nan), np.nan if secs is None else secs))
    return found


def train_prior(tasks: Sequence[TaskTimes], source: str, seed: int = 0) -> Prior:
    """Raises `PriorError` where there are not enough tasks to tell how far the model errs on others."""
    workloads = sorted({task.workload for task in tasks})
    if len(workloads) < FOLDS:
        raise PriorError(
            f"a cost model for other workloads needs records of at least {FOLDS} workloads with {LEAST_CANDIDATES} candidates each, "
            f"found {len(workloads)}; run `tilewright tune` first"
        )
    folds = {workload: position % FOLDS for position, workload in enumerate(np.random.default_rng(seed).permutation(workloads).tolist())}
    scores: list[Vector] = []
    labels: list[Vector] = []
    levels: list[tuple[float, float]] = []
    for fold in range(FOLDS):
        booster = _grow([task for task in tasks if folds[task.workload] != fold], seed)
        for task in tasks:
            if folds[task.workload] == fold:
                score = np.asarray(booster.inplace_predict(task.rows), np.float64)
                scores.append(score - score.mean())
                labels.append(task.log_ratios - task.log_ratios.mean())
                levels.append((float(task.log_ratios.mean()), float(score.mean())))
    centred, told = np.concatenate(labels), np.concatenate(scores)
    slope = min(float(centred @ told) / max(float(told @ told), 1e-12), 0.0)
    header = PriorHeader(
        features_version=FEATURES_VERSION,
        source=source,
        records=sum(len(task.rows) for task in tasks),
        workloads=len(workloads),
        devices=tuple(sorted({task.device for task in tasks})),
        deviation=float(np.sqrt(np.mean(np.square(centred - slope * told)))),
        slope=slope,
        level=float(np.mean([label - slope * score for label, score in levels])),
    )
    return Prior(_grow(tasks, seed), header)


def _grow(tasks: Sequence[TaskTimes], seed: int) -> Any:
    """Trees whose score is the higher the faster a candidate is among those of its task."""
    relevance = np.concatenate(
        [np.round(RELEVANCES * np.exp(RELEVANCE_FALL * (task.log_ratios.min() - task.log_ratios))) for task in tasks]
    )
    lists = np.repeat(np.arange(len(tasks)), [len(task.rows) for task in tasks])
    rows = np.concatenate([task.rows for task in tasks])
    data = xgboost.DMatrix(rows, label=relevance, qid=lists, feature_names=list(FIXED_COLUMNS), nthread=1)
    booster = xgboost.train(PARAMETERS | {"seed": seed % (1 << 31), "nthread": 1}, data, ROUNDS)
    booster.feature_names = None
    return booster
