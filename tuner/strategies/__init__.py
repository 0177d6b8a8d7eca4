"""Searches over a schedule space: suggest candidates, be told what came of them. Below: `tuner/cost_models`; next: `tuner/tune.py`."""

from tuner.strategies.adaptive_search import AdaptiveSearch
from tuner.strategies.annealing_search import AnnealingSearch
from tuner.strategies.autotvm_search import AutoTvmSearch
from tuner.strategies.bayesian_search import ConfidenceBoundSearch, ExpectedImprovementSearch, ThompsonSearch
from tuner.strategies.coordinate_descent import CoordinateDescent
from tuner.strategies.diverse_search import DiverseSearch
from tuner.strategies.evolutionary_search import EvolutionarySearch
from tuner.strategies.genetic_search import GeneticSearch
from tuner.strategies.grid_search import GridSearch
from tuner.strategies.history import History, Observation
from tuner.strategies.random_search import RandomSearch
from tuner.strategies.search_strategy import (
    ALIASES,
    DEFAULT_STRATEGY,
    STRATEGIES,
    Search,
    SearchStrategy,
    make_strategy,
    register_strategy,
)

__all__ = [
    "ALIASES",
    "DEFAULT_STRATEGY",
    "STRATEGIES",
    "AdaptiveSearch",
    "AnnealingSearch",
    "AutoTvmSearch",
    "ConfidenceBoundSearch",
    "CoordinateDescent",
    "DiverseSearch",
    "EvolutionarySearch",
    "ExpectedImprovementSearch",
    "GeneticSearch",
    "GridSearch",
    "History",
    "Observation",
    "RandomSearch",
    "Search",
    "SearchStrategy",
    "ThompsonSearch",
    "make_strategy",
    "register_strategy",
]
