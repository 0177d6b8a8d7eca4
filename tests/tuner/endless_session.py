"""A tuning session for the test that kills it: `python endless_session.py URL` goes on until the toy space is exhausted."""

import sys
import time

from measure import Built, Measurement, RunLimits
from records_db import Database
from tests.tuner.toy import ToyBuilder, ToyRunner, toy_task
from tuner import Event, TrialDone, TuneOptions, tune_tasks


class PonderousRunner(ToyRunner):
    def run(self, built: Built, limits: RunLimits) -> Measurement:
        time.sleep(2e-3)
        return super().run(built, limits)


def tell(event: Event) -> None:
    if isinstance(event, TrialDone):
        sys.stdout.write(f"{event.candidate.key}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    task = toy_task(tiles=(1, 8, 16))
    with Database(sys.argv[1]) as database:
        tune_tasks([task], ToyBuilder(), PonderousRunner([task]), database, TuneOptions(contenders=0), tell)
