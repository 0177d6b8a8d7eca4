"""Propose candidates, learn from their times, decide where the next trial goes. Below: `records_db`; next: `tilewright`, the face."""

from tuner.annealing_search import AnnealingSearch
from tuner.cost_model import CostModel, XGBoostCostModel
from tuner.events import (
    Event,
    Listener,
    Progress,
    SessionStarted,
    StopReason,
    TaskResult,
    TaskRetimed,
    TrialDone,
    TuneResult,
)
from tuner.features import FeatureEncoder, features
from tuner.genetic_search import GeneticSearch
from tuner.grid_search import GridSearch
from tuner.model_guided_search import ModelGuidedSearch
from tuner.random_search import RandomSearch
from tuner.scheduler import BudgetScheduler, TaskProgress
from tuner.search_strategy import STRATEGIES, Search, SearchStrategy, make_strategy, register_strategy
from tuner.task import Task, make_task, make_variant_tasks, operation_count
from tuner.tune import TuneOptions, build_workers, tune_tasks

__all__ = [
    "AnnealingSearch",
    "BudgetScheduler",
    "CostModel",
    "Event",
    "FeatureEncoder",
    "GeneticSearch",
    "GridSearch",
    "Listener",
    "ModelGuidedSearch",
    "Progress",
    "RandomSearch",
    "STRATEGIES",
    "Search",
    "SearchStrategy",
    "SessionStarted",
    "StopReason",
    "Task",
    "TaskProgress",
    "TaskResult",
    "TaskRetimed",
    "TrialDone",
    "TuneOptions",
    "TuneResult",
    "XGBoostCostModel",
    "build_workers",
    "features",
    "make_strategy",
    "make_task",
    "make_variant_tasks",
    "operation_count",
    "register_strategy",
    "tune_tasks",
]
