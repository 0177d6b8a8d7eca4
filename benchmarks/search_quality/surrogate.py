"""The whole space with invented times: a forest fitted on the recorded ones answers for what nobody measured.

A cross-check of the replays, no more: there a search is offered what was recorded only, here every point of the space, but most of its
answers are predictions. Recorded candidates keep their own times, and no prediction is below the best of them, since leaves are means.
In: `Recording`. Out: a space and its answers, for `replay.py`.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from benchmarks.search_quality.recorded_space import RecordedSpace, recorded_space
from benchmarks.search_quality.recording import Recording
from measure import Measurement, MeasureStatus
from schedule_space import Candidate, ScheduleSpace
from tuner import FeatureEncoder

TREES = 40


class Surrogate:
    """Of a recording whose parameters are those of today's template; `None` from `make_surrogate` where they are not."""

    def __init__(self, space: ScheduleSpace, recorded: RecordedSpace) -> None:
        self.space = space
        self._recorded = recorded
        self._encoder = FeatureEncoder(space)
        recording = recorded.recording
        timed = np.flatnonzero(np.isfinite(recording.run_secs))
        rows = self._encoder.encode([recording.candidate(int(row)) for row in timed])
        self._forest = ExtraTreesRegressor(n_estimators=TREES, max_features=0.5, random_state=0, n_jobs=1)
        self._forest.fit(np.nan_to_num(rows, nan=-1.0), np.log(recording.run_secs[timed]))
        self._known: dict[Candidate, Measurement] = {}

    def answer(self, candidates: Sequence[Candidate]) -> list[Measurement]:
        unknown = [candidate for candidate in dict.fromkeys(candidates) if candidate not in self._known]
        recorded = [candidate for candidate in unknown if self._recorded.contains(dict(candidate.decisions))]
        self._known.update(zip(recorded, self._recorded.answer(recorded), strict=True))
        invented = [candidate for candidate in unknown if candidate not in self._known]
        if invented:
            times = np.exp(self._forest.predict(np.nan_to_num(self._encoder.encode(invented), nan=-1.0)))
            measurements = (Measurement(status=MeasureStatus.OK, run_secs=(float(secs),)) for secs in times)
            self._known.update(zip(invented, measurements, strict=True))
        return [self._known[candidate] for candidate in candidates]


def make_surrogate(recording: Recording) -> Surrogate | None:
    recorded = recorded_space(recording)
    if recorded.template is recorded.recorded:
        return None
    space = ScheduleSpace(workload=recorded.workload, target=recorded.target, threads=recorded.threads, template=recorded.template)
    return Surrogate(space, recorded)
