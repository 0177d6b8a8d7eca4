"""Searches over a schedule space: suggest candidates, be told what came of them. Below: `tuner/cost_models`; next: `tuner/tune.py`."""

from tuner.strategies.annealing_search import AnnealingSearch
from tuner.strategies.genetic_search import GeneticSearch
from tuner.strategies.grid_search import GridSearch
from tuner.strategies.history import History, Observation
from tuner.strategies.model_guided_search import ModelGuidedSearch
from tuner.strategies.random_search import RandomSearch
from tuner.strategies.search_strategy import STRATEGIES, Search, SearchStrategy, make_strategy, register_strategy

__all__ = [
    "STRATEGIES",
    "AnnealingSearch",
    "GeneticSearch",
    "GridSearch",
    "History",
    "ModelGuidedSearch",
    "Observation",
    "RandomSearch",
    "Search",
    "SearchStrategy",
    "make_strategy",
    "register_strategy",
]
