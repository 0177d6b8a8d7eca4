"""When a session ends: trials, minutes, or because there is too little left to gain. Below: `tuner/scheduler.py`, whose forecast it asks.

until:      stop when best / now of the predicted whole-model times has come to this share
least_gain: stop when one more minute, at the pace of the session so far, is predicted to save less than this share of the model's time
            (while that pace is not known: endless trials)
"""

import time

from tuner.events import Forecast, StopReason
from tuner.scheduler import BudgetScheduler

CLOSING_SHARE = 0.12  # of the minutes, at most, is kept for timing the fastest candidates against each other
CLOSING_SECS_PER_TASK = 0.2  # five candidates whose code is at hand, on one core of a Zen 5
SECS_BETWEEN_FORECASTS = 1.0
PACE_TRIALS = 16  # with fewer, most of the time so far was for starting processes and for the reference results


class Budget:
    """trials: those of this session so far; counted by the loop."""

    def __init__(
        self, scheduler: BudgetScheduler, trials: int | None, minutes: float | None, until: float | None, least_gain: float | None
    ) -> None:
        self.trials = 0
        self.closes = False
        self._scheduler = scheduler
        self._most_trials = trials
        self._secs = None if minutes is None else 60.0 * minutes
        self._until = until
        self._least_gain = least_gain
        self._started = time.monotonic()
        self._forecast_secs = float("-inf")

    @property
    def elapsed_secs(self) -> float:
        return time.monotonic() - self._started

    def trials_left(self) -> int | None:
        """None without a limit."""
        return None if self._most_trials is None else max(0, self._most_trials - self.trials)

    def secs_left(self, *, closing: bool) -> float | None:
        """Until the search has to end, or (closing) the whole session; None without a limit."""
        if self._secs is None:
            return None
        kept = 0.0
        if self.closes and not closing:
            tried = sum(task.trials > 1 for task in self._scheduler.tasks)
            kept = min(CLOSING_SHARE * self._secs, tried * CLOSING_SECS_PER_TASK)
        return self._secs - kept - self.elapsed_secs

    def spent_share(self) -> float:
        """Of the trials or of the time of the search, whichever is further; 0 without such a limit."""
        left_secs = self.secs_left(closing=False)
        by_trials = self.trials / self._most_trials if self._most_trials else 0.0
        by_time = self.elapsed_secs / (self.elapsed_secs + left_secs) if left_secs is not None and left_secs > 0 else 0.0
        return max(by_trials, by_time)

    def is_out_of_time(self) -> bool:
        """The whole session, its closing comparison included."""
        left = self.secs_left(closing=True)
        return left is not None and left <= 0

    def is_search_out_of_time(self) -> bool:
        """What is left is for the closing comparison."""
        left = self.secs_left(closing=False)
        return left is not None and left <= 0

    def reason_to_stop(self) -> StopReason | None:
        if self.trials_left() == 0:
            return StopReason.TRIALS
        if self.is_search_out_of_time():
            return StopReason.MINUTES
        return self._too_little_to_gain()

    def _too_little_to_gain(self) -> StopReason | None:
        now = time.monotonic()
        if (self._until is None and self._least_gain is None) or now - self._forecast_secs < SECS_BETWEEN_FORECASTS:
            return None
        self._forecast_secs = now
        if self._scheduler.untried() or (forecast := self.forecast()) is None:
            return None
        if self._until is not None and forecast.reached >= self._until:
            return StopReason.UNTIL
        gain = forecast.minute_gain if self.trials >= PACE_TRIALS else 1.0 - forecast.reached
        if self._least_gain is not None and gain < self._least_gain:
            return StopReason.GAIN
        return None

    def forecast(self) -> Forecast | None:
        """None while a task has no time."""
        now_secs, best_secs = self._scheduler.foretold_secs(0), self._scheduler.foretold_secs(float("inf"))
        minute_secs = self._scheduler.foretold_secs(60.0 * self.trials / max(self.elapsed_secs, 1e-3))
        if not now_secs or best_secs is None or minute_secs is None:
            return None
        return Forecast(model_secs=now_secs, best_secs=best_secs, minute_secs=minute_secs)

    def estimate_secs_left(self) -> float | None:
        """The nearer of the two limits; None while nothing is known."""
        left = self.trials_left()
        by_trials = left * self.elapsed_secs / self.trials if left is not None and self.trials else None
        known = [max(0.0, secs) for secs in (self.secs_left(closing=True), by_trials) if secs is not None]
        return min(known, default=None)
