"""From the decisions of a candidate to a predicted time. Below: `schedule_space`; next: `tuner/strategies`."""

from tuner.cost_models.cost_model import COST_MODELS, CostModel, ModelFactory, Prediction, Vector, model_factory, register_cost_model
from tuner.cost_models.features import FeatureEncoder, Matrix, features
from tuner.cost_models.xgboost_model import XGBoostCostModel

__all__ = [
    "COST_MODELS",
    "CostModel",
    "FeatureEncoder",
    "Matrix",
    "ModelFactory",
    "Prediction",
    "Vector",
    "XGBoostCostModel",
    "features",
    "model_factory",
    "register_cost_model",
]
