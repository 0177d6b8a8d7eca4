"""What a noisy neighbour has spoiled: which candidates were timed since the machine was calm for the last time.

In: measured trials, some with a reading of the reference kernel. Out: those to be measured again, as soon as it is calm. The judgement on
readings is that of `tuner/noise_guard.py`. Used by `tuner/tune.py`.
"""

import time

from measure import READING_FACT, Built, Measurement
from tuner.noise_guard import NoiseGuard
from tuner.record_keeper import REPEATED_FACT, with_fact
from tuner.trial_pipeline import Trial

SECS_BETWEEN_READINGS = 0.2  # a reading takes a millisecond
MOST_REPEATED = 256  # candidates whose code is kept while the machine is not calm: some 20 MB


class NoiseWatch:
    """Runners without a reference kernel give no readings; then nothing is ever disturbed."""

    def __init__(self) -> None:
        self._guard = NoiseGuard()
        self._read_secs = float("-inf")
        self._since_calm: list[tuple[Trial, Built]] = []
        self.is_disturbed = False
        self.has_just_read = False
        self.repetitions = 0
        self.excess = 1.0  # how many times the calm level the last disturbed reading was

    def wants_reading(self) -> bool:
        """Now and then; while the machine is disturbed, all the time."""
        return self.is_disturbed or time.monotonic() - self._read_secs >= SECS_BETWEEN_READINGS

    def see(self, trial: Trial, built: Built, measurement: Measurement) -> list[tuple[Trial, Built]]:
        """What to measure again now: everything since the last calm reading, once there is a calm one again."""
        reading_secs = dict(measurement.facts).get(READING_FACT)
        self.has_just_read = reading_secs is not None
        self._since_calm = [*self._since_calm[1 - MOST_REPEATED :], (trial, built)]
        if reading_secs is None:
            return []
        self._read_secs = time.monotonic()
        was_disturbed, self.is_disturbed = self.is_disturbed, not self._guard.is_calm(float(reading_secs))
        if self.is_disturbed:
            self.excess = round(self._guard.excess, 3)
            return []
        seen, self._since_calm = self._since_calm, []
        return seen if was_disturbed else []

    def repeated(self, measurement: Measurement) -> Measurement:
        """Marked as such, and counted."""
        self.repetitions += 1
        return with_fact(measurement, REPEATED_FACT, True)
