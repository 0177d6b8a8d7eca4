"""A Gaussian process as a cost model, from scikit-learn. In: features and times. Out: `Prediction`, whose deviation it knows best of all.

Kernel: Matern of order 3/2 (times jump at tile sizes and caches, so nothing smoother) with one length for all scaled columns, plus noise.
Of many rows the fastest and a random part of the others are kept, since the cost grows with the cube of their number.
"""

from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from threadpoolctl import ThreadpoolController

from schedule_space import ScheduleSpace
from tuner.cost_models.cost_model import CostModel, Vector, register_cost_model
from tuner.cost_models.fixed_features import Matrix
from tuner.cost_models.surrogate import Surrogate
from tuner.cost_models.varying_columns import VaryingColumns

MAX_ROWS = 160
FASTEST_SHARE = 0.5  # of the rows that are kept
EVALUATIONS = 12  # of the likelihood, per fit


@register_cost_model("gp")
def make_gaussian_process(space: ScheduleSpace, seed: int) -> CostModel:
    del space
    return GaussianProcessModel(seed)


class GaussianProcessModel(Surrogate):
    """The lengths found by one fit are where the next one starts."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seed = seed
        self._threads = ThreadpoolController()
        self._columns: VaryingColumns | None = None
        self._start: Any = None
        self._process: Any = None
        self._level, self._scale = 0.0, 1.0

    def _learn(self, rows: Matrix, labels: Vector) -> None:
        chosen = self._choose(labels)
        columns = VaryingColumns(rows[chosen])
        self._level, self._scale = float(labels[chosen].mean()), float(labels[chosen].std()) or 1.0
        self._columns = columns if columns.width and len(chosen) > 1 else None
        if self._columns is None:
            return
        if self._start is None:
            typical = float(np.sqrt(columns.width))
            matern = Matern(length_scale=typical, length_scale_bounds=(0.1 * typical, 20 * typical), nu=1.5)
            self._start = ConstantKernel(1.0, (0.05, 20.0)) * matern + WhiteKernel(0.05, (1e-3, 1.0))
        with self._threads.limit(limits=1):
            self._process = _likely_process(self._start, columns.of(rows[chosen]), (labels[chosen] - self._level) / self._scale)
        self._start = self._process.kernel_

    def _choose(self, labels: Vector) -> Any:
        """Positions of the rows to learn from."""
        order = np.argsort(labels, kind="stable")
        if len(order) <= MAX_ROWS:
            return order
        fastest = int(FASTEST_SHARE * MAX_ROWS)
        rest = np.random.default_rng(self._seed).choice(order[fastest:], MAX_ROWS - fastest, replace=False)
        return np.concatenate([order[:fastest], rest])

    def _estimate(self, rows: Matrix) -> tuple[Vector, Vector]:
        """As the regressor's own `predict`, with distances by a matrix product and in place: several times as fast."""
        if self._columns is None:
            return np.full(len(rows), self._level), np.zeros(len(rows))
        kernel, known, given = self._process.kernel_, self._process.X_train_, self._columns.of(rows)
        height, length = kernel.k1.k1.constant_value, kernel.k1.k2.length_scale
        with self._threads.limit(limits=1):
            distance = given @ known.T
            distance *= -2
            distance += np.square(known).sum(axis=1)
            distance += np.square(given).sum(axis=1)[:, None]
            np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance)
            distance *= -np.sqrt(3) / length
            shared = np.exp(distance)
            distance -= 1
            distance *= -height
            shared *= distance
            mean = shared @ self._process.alpha_
            solved = solve_triangular(self._process.L_, shared.T, lower=True, overwrite_b=True, check_finite=False)
            explained = np.einsum("ij,ij->j", solved, solved)
        return self._level + self._scale * mean, self._scale * np.sqrt(np.maximum(height - explained, 0.0))


def _likely_process(start: Any, rows: Matrix, labels: Vector) -> Any:
    """The kernel's parameters climb the likelihood, as in scikit-learn's own fit, for a bounded time and silent at a bound."""
    process = GaussianProcessRegressor(start, optimizer=None).fit(rows, labels)

    def unlikelihood(parameters: Vector) -> tuple[float, Vector]:
        likelihood, gradient = process.log_marginal_likelihood(parameters, eval_gradient=True, clone_kernel=False)
        return -likelihood, -gradient

    found = minimize(unlikelihood, start.theta.copy(), jac=True, bounds=start.bounds, method="L-BFGS-B", options={"maxfun": EVALUATIONS})
    return GaussianProcessRegressor(start.clone_with_theta(found.x), optimizer=None).fit(rows, labels)
