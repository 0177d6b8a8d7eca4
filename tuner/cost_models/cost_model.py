"""What a cost model is: from features of candidates to the logarithm of their time, fitted anew after every batch.

A model joins the conformance tests and the choices of the command line by `register_cost_model`. Pure: no clock, no process, no randomness
but its seed. In: rows of `FeatureEncoder` and the times measured. Out: `Prediction`. Next: `tuner/strategies`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from schedule_space import ScheduleSpace
from tuner.cost_models.fixed_features import Matrix

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One entry per candidate. log_secs: log(seconds) up to a constant of the task, lower is better; 0 before anything was learnt.

    deviation: standard deviation of log_secs, 0 where the model tells none. failure: probability that the candidate has no time.
    """

    log_secs: Vector
    deviation: Vector
    failure: Vector


class CostModel(Protocol):
    def fit(self, rows: Matrix, run_secs: Vector) -> None:
        """Learn from all measured candidates of the task; a failed one has the time not-a-number."""

    def predict(self, rows: Matrix) -> Prediction:
        """Of candidates that may or may not have been measured."""


ModelFactory = Callable[[ScheduleSpace, int], CostModel]  # space, seed
COST_MODELS: dict[str, ModelFactory] = {}
Factory = TypeVar("Factory", bound=ModelFactory)


def register_cost_model(name: str) -> Callable[[Factory], Factory]:
    """Decorator of a factory: the name that people choose the model by."""

    def register(factory: Factory) -> Factory:
        if name in COST_MODELS:
            raise ValueError(f"cost model {name!r} is registered twice")
        COST_MODELS[name] = factory
        return factory

    return register


def model_factory(name: str) -> ModelFactory:
    """What makes the models of that name, one for each task."""
    if name not in COST_MODELS:
        raise ValueError(f"unknown cost model {name!r}; known: {', '.join(sorted(COST_MODELS))}")
    return COST_MODELS[name]
