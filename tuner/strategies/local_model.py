"""A Gaussian process for the first tens of measurements: what it has not seen it knows not to know. Used by `adaptive_search.py`.

The kernel adds up three views of a pair of candidates: each decision on its own (their effects on log(time) mostly add up), all decisions
together, and the features. Lengths of the kernels are fixed, by the rank correlation on 20 recorded kernels with 48 trials known: 0.505
with 0.8 for all decisions and 1.0 for the features, 0.52 with either of them halved, 0.48 to 0.50 with either doubled; that of single
decisions matters less. Scale and noise are chosen by the likelihood of what was measured (Rasmussen and Williams 2006, algorithm 2.1 and
equation 2.30). In: points, features, times. Out: mean and deviation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schedule_space import Parameter, ScheduleSpace
from tuner.cost_models import Matrix, Vector
from tuner.strategies.standardise import standardised

SCALES = (0.15, 0.3, 0.6)  # of log(seconds)
NOISES = (0.02, 0.05)
DECISION_LENGTH = 0.4  # of a parameter's range
JOINT_LENGTH = 0.4
FEATURE_LENGTH = 0.5  # of the root of the mean squared standardised difference
OFFSET = 0.3  # deviation of the level that all candidates share
PRIOR_SLOPE = 0.5  # deviation of the slope over the prior, around 1


@dataclass(frozen=True, slots=True)
class Place:
    """Candidates as the local model sees them. points: positions of the choices; features: rows; prior: expected log(seconds)."""

    points: np.ndarray[tuple[int, int], np.dtype[np.intp]]
    features: Matrix
    prior: Vector

    @staticmethod
    def nowhere(parameters: int) -> "Place":
        """No candidates; joins with any others."""
        return Place(np.zeros((0, parameters), np.intp), np.zeros((0, 0)), np.zeros(0))

    def __len__(self) -> int:
        return len(self.points)

    def take(self, positions: Sequence[int] | np.ndarray[tuple[int], np.dtype[np.intp]]) -> "Place":
        return Place(self.points[positions], self.features[positions], self.prior[positions])

    def joined(self, other: "Place") -> "Place":
        if not len(self) or not len(other):
            return self if len(self) else other
        return Place(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.features, other.features]),
            np.concatenate([self.prior, other.prior]),
        )


class DecisionKernel:
    """Similarity of candidates by their decisions, looked up in one table of distances per parameter."""

    def __init__(self, space: ScheduleSpace) -> None:
        varied = [axis for axis, parameter in enumerate(space.parameters) if len(parameter.choices) > 1]
        self._axes = varied
        self._squares = [np.square(_distances(space.parameters[axis], space.is_numeric[axis])) for axis in varied]
        self._singles = [_matern(np.sqrt(squares) / DECISION_LENGTH) for squares in self._squares]

    def __call__(self, one: Place, other: Place) -> Matrix:
        shape = (len(one), len(other))
        squares, singles = np.zeros(shape), np.zeros(shape)
        for axis, square, single in zip(self._axes, self._squares, self._singles, strict=True):
            pairs = np.ix_(one.points[:, axis], other.points[:, axis])
            squares += square[pairs]
            singles += single[pairs]
        similarity: Matrix = 0.5 * singles / max(1, len(self._axes)) + 0.5 * _matern(np.sqrt(squares) / JOINT_LENGTH)
        return similarity


class LocalModel:
    """Fitted by its constructor: to log(seconds) at some places, and to none at others that are on their way.

    level: what to expect of candidates that resemble nothing measured, added to the prior.
    """

    def __init__(self, kernel: DecisionKernel, known: Place, log_secs: Vector, pending: Place, level: float) -> None:
        self._kernel = kernel
        self._level = level
        self._places = known.joined(pending)
        count = len(known)
        unit = self._similarity(self._places, self._places)
        shared = self._shared(self._places, self._places)
        residual = log_secs - level - known.prior
        fits = [
            (self._evidence(scale, noise, unit[:count, :count], shared[:count, :count], residual), scale, noise)
            for scale in SCALES
            for noise in NOISES
        ]
        _, self._scale, self._noise = max(fits)
        covariance = self._scale**2 * unit + shared
        inner = covariance[:count, :count] + self._noise**2 * np.eye(count)
        believed = np.concatenate([residual, covariance[count:, :count] @ np.linalg.solve(inner, residual)])
        lower = np.linalg.cholesky(covariance + self._noise**2 * np.eye(len(self._places)))
        self._whiten = np.linalg.inv(lower)
        self._weights = self._whiten.T @ (self._whiten @ believed)

    def predict(self, asked: Place) -> tuple[Vector, Vector, Matrix]:
        """Mean and variance of log(seconds) at each place, and what was learnt of it, for `covariance`."""
        cross = self._scale**2 * self._similarity(self._places, asked) + self._shared(self._places, asked)
        mean = self._level + asked.prior + cross.T @ self._weights
        learnt = self._whiten @ cross
        own = self._scale**2 + OFFSET**2 + (PRIOR_SLOPE * asked.prior) ** 2
        return mean, np.maximum(own - np.square(learnt).sum(axis=0), 1e-8), learnt

    def covariance(self, asked: Place, learnt: Matrix, position: int) -> Vector:
        """Of all asked places with one of them, after what was measured."""
        one = asked.take([position])
        before = self._scale**2 * self._similarity(asked, one) + self._shared(asked, one)
        after: Vector = before[:, 0] - learnt.T @ learnt[:, position]
        return after

    @property
    def noise(self) -> float:
        return self._noise

    def _similarity(self, one: Place, other: Place) -> Matrix:
        squares = (
            np.square(one.features).sum(axis=1)[:, None] + np.square(other.features).sum(axis=1) - 2.0 * one.features @ other.features.T
        )
        similarity: Matrix = 0.5 * self._kernel(one, other) + 0.5 * _matern(np.sqrt(np.maximum(squares, 0.0)) / FEATURE_LENGTH)
        return similarity

    def _shared(self, one: Place, other: Place) -> Matrix:
        shared: Matrix = OFFSET**2 + PRIOR_SLOPE**2 * np.outer(one.prior, other.prior)
        return shared

    @staticmethod
    def _evidence(scale: float, noise: float, unit: Matrix, shared: Matrix, residual: Vector) -> float:
        """Logarithm of the likelihood, up to a constant."""
        lower = np.linalg.cholesky(scale**2 * unit + shared + noise**2 * np.eye(len(residual)))
        white = np.linalg.solve(lower, residual)
        return float(-0.5 * white @ white - np.log(np.diag(lower)).sum())


def feature_places(rows: Matrix, like: Matrix) -> Matrix:
    """Features such that the squared distance of two candidates is the mean over the columns that vary."""
    varies = np.nanstd(np.nan_to_num(like), axis=0) > 1e-9
    scaled = standardised(rows[:, varies], like[:, varies])
    features: Matrix = scaled / np.sqrt(max(1, int(varies.sum())))
    return features


def _distances(parameter: Parameter, numeric: bool) -> Matrix:
    """Between choices, as shares of the range: half by position, half by log2 of the size. Names differ by their comma-separated parts."""
    if not numeric:
        words = [str(choice).split(",") for choice in parameter.choices]
        return np.array([[sum(map(str.__ne__, one, other)) / len(one) for other in words] for one in words], np.float64)
    sizes = np.log2(np.array([max(int(choice), 0) for choice in parameter.choices]) + 1.0)
    steps = np.linspace(0.0, 1.0, len(sizes))
    places = 0.5 * steps + 0.5 * (sizes - sizes.min()) / max(1e-9, np.ptp(sizes))
    distances: Matrix = np.abs(places[:, None] - places)
    return distances


def _matern(distance: Matrix) -> Matrix:
    """Matern kernel of smoothness 5/2, of variance 1."""
    scaled = np.sqrt(5.0) * distance
    similarity: Matrix = (1.0 + scaled + np.square(scaled) / 3.0) * np.exp(-scaled)
    return similarity
