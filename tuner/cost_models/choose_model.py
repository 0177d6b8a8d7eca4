"""The model that a session uses, by the names that people choose. Used by `tuner/tune.py`."""

from pathlib import Path

from tuner.cost_models.cost_model import ModelFactory, model_factory
from tuner.cost_models.prior import Prior, shipped_prior
from tuner.cost_models.prior_guided_model import with_prior

SHIPPED_PRIOR = "shipped"
NO_PRIOR = "none"


def choose_model(name: str, prior: str = NO_PRIOR) -> ModelFactory:
    """prior: "shipped", "none", or the path of a file. The model "none" knows nothing, nor does it of a prior. Raises `PriorError`."""
    factory = model_factory(name)
    if prior == NO_PRIOR or name == "none":
        return factory
    return with_prior(factory, shipped_prior() if prior == SHIPPED_PRIOR else Prior.load(Path(prior)))
