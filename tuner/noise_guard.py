"""Whether the machine is as calm as it was: judges readings of a reference kernel by those before. Pure: a clock reads elsewhere.

A reading is the time of the same work (`measure/reference_kernel.py`), so its spread while all is calm is small, and a neighbour adds to
it. Of the last `HISTORY` readings the fastest quarter counts as calm, which holds as long as the machine is calm for a quarter of the
time:

    noisy:  reading > Q25 + max(SPREADS (Q25 - Q5), MARGIN Q25)

Before `FEWEST` readings nothing is known and all is taken for calm; a neighbour who stays from the first trial to the last is not noticed.
"""

from collections import deque

import numpy as np

HISTORY = 400
FEWEST = 6
SPREADS = 4.0
MARGIN = 0.06  # calm readings of a millisecond on two cores of a Zen 5, with builds beside them: 95 % within 3 % of their least quarter


class NoiseGuard:
    def __init__(self) -> None:
        self._readings: deque[float] = deque(maxlen=HISTORY)
        self.excess = 1.0

    def is_calm(self, reading_secs: float) -> bool:
        """Judges a reading and remembers it; `excess` is how many times the calm level it was."""
        self._readings.append(reading_secs)
        if len(self._readings) < FEWEST:
            return True
        least, calm = np.quantile(np.array(self._readings), (0.05, 0.25))
        self.excess = float(reading_secs / calm)
        return bool(reading_secs <= calm + max(SPREADS * (calm - least), MARGIN * calm))
