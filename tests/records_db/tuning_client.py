"""One of several tunes into one database, for the test that runs them at once: `python tuning_client.py URL SEED TRIALS`.

The times are a formula and the search is real, so each trial takes a commit and little else. Prints `session N`, then each trial's key when
it is committed.
"""

import sys

from records_db import Database
from tests.tuner.toy import ToyBuilder, ToyRunner, toy_task
from tuner import Event, SessionStarted, TrialDone, TuneOptions, tune_tasks

SIZES = (64, 128, 256)


def tell(event: Event) -> None:
    match event:
        case SessionStarted():
            sys.stdout.write(f"session {event.session}\n")
        case TrialDone():
            sys.stdout.write(f"{event.task} {event.candidate.key}\n")
    sys.stdout.flush()


def main(url: str, seed: int, trials: int) -> None:
    tasks = [toy_task(name=str(size), size=size) for size in SIZES]
    options = TuneOptions(trials=trials, strategy="random", seed=seed, batch=4, contenders=0, command_line=f"client {seed}")
    with Database(url) as database:
        tune_tasks(tasks, ToyBuilder(), ToyRunner(tasks), database, options, tell)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
