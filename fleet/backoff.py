"""How long to wait before the next try: longer each time, never so long that a device stays away when its tracker is back."""

import random
import time

FIRST_SECS = 0.5
LONGEST_SECS = 10.0
GOOD_SECS = 30.0  # what lasted so long was a success


class Backoff:
    def __init__(self) -> None:
        self._secs = FIRST_SECS
        self._asked_at = time.monotonic()

    def next_secs(self) -> float:
        """With up to a quarter of chance in it, so that many devices do not come back at the same moment."""
        now = time.monotonic()
        if now - self._asked_at > GOOD_SECS:
            self._secs = FIRST_SECS
        secs = self._secs * random.uniform(0.75, 1.0)
        self._secs = min(LONGEST_SECS, 2 * self._secs)
        self._asked_at = now + secs
        return secs
