"""From the decisions of a candidate to a predicted time. Below: `schedule_space`; next: `tuner/strategies`."""

from tuner.cost_models.choose_model import NO_PRIOR, SHIPPED_PRIOR, choose_model
from tuner.cost_models.cost_model import COST_MODELS, CostModel, ModelFactory, Prediction, Vector, model_factory, register_cost_model
from tuner.cost_models.features import FeatureEncoder, features, fixed_part
from tuner.cost_models.fixed_features import FEATURES_VERSION, FIXED_COLUMNS, FIXED_WIDTH, Matrix
from tuner.cost_models.forest_model import ForestModel
from tuner.cost_models.gaussian_process_model import GaussianProcessModel
from tuner.cost_models.no_model import NoModel
from tuner.cost_models.nominal_time import nominal_secs
from tuner.cost_models.prior import Prior, PriorHeader, shipped_prior
from tuner.cost_models.prior_guided_model import PriorGuidedModel, with_prior
from tuner.cost_models.train_prior import TaskTimes, task_times, train_prior
from tuner.cost_models.xgboost_model import XGBoostCostModel
from tuner.cost_models.xgboost_rank_model import XGBoostRankModel
from tuner.cost_models.zero_trial import zero_trial_default

__all__ = [
    "COST_MODELS",
    "FEATURES_VERSION",
    "FIXED_COLUMNS",
    "FIXED_WIDTH",
    "NO_PRIOR",
    "SHIPPED_PRIOR",
    "CostModel",
    "FeatureEncoder",
    "ForestModel",
    "GaussianProcessModel",
    "Matrix",
    "ModelFactory",
    "NoModel",
    "Prediction",
    "Prior",
    "PriorGuidedModel",
    "PriorHeader",
    "TaskTimes",
    "Vector",
    "XGBoostCostModel",
    "XGBoostRankModel",
    "choose_model",
    "features",
    "fixed_part",
    "model_factory",
    "nominal_secs",
    "register_cost_model",
    "shipped_prior",
    "task_times",
    "train_prior",
    "with_prior",
    "zero_trial_default",
]
