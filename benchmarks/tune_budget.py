"""How much of a long tune a short one reaches: `python -m benchmarks.tune_budget`.

Each network is tuned twice from nothing, for seconds and for minutes, into databases of their own; the models compiled from both are
timed by turns, with the untuned one. The long search does not stop by itself. A database that was searched before can stand in for it.

The shipped cost model has learnt from records of these very networks, as no user's own network can expect. So by default both tunes start
from one that has learnt from `benchmarks/search_data` without the network that is tuned.
"""

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tilewright as tw
from benchmarks.command_line import chosen, make_parser, numbers, positive, print_report, progress
from benchmarks.conditions import read_conditions
from benchmarks.networks import NETWORKS
from benchmarks.search_quality import DATA_FOLDER, load_recordings
from benchmarks.search_quality.transfer import recorded_prior
from benchmarks.tables import Cell, milliseconds, table
from measure import measure_ceiling
from tilewright.interleave import Timing, interleave
from tilewright.peers import time_calls

NETWORKS_OF_THE_GOAL = "resnet18,mobilenet_v1"
GOAL_SHARE = 0.95
ENDLESS_TRIALS = 10**6  # a number of trials keeps a session from stopping where little is left to gain
OTHERS = "others"
UNTUNED, SHORT, LONG = "untuned", "short", "long"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """trials, secs: of the sessions, by name; without the long one where its database was there before."""

    network: str
    threads: int
    trials: Mapping[str, int]
    secs: Mapping[str, float]
    timings: Mapping[str, Timing]

    @property
    def share(self) -> float:
        """Of the speed that the long tune reaches."""
        return self.timings[LONG].minimum / self.timings[SHORT].minimum

    def cells(self) -> list[Cell | str]:
        cells: list[Cell | str] = [self.network, str(self.threads), milliseconds(self.timings[UNTUNED].minimum)]
        for name in (SHORT, LONG):
            searched = [f"{self.secs[name]:.0f}", str(self.trials[name])] if name in self.secs else ["-", "-"]
            cells += [*searched, milliseconds(self.timings[name].minimum)]
        return [*cells, Cell(f"{self.share:.1%}", self.share < GOAL_SHARE)]

    def to_json(self) -> dict[str, Any]:
        timings = {name: timing.to_json() for name, timing in self.timings.items()}
        return {"network": self.network, "threads": self.threads, "trials": dict(self.trials), "secs": dict(self.secs)} | timings


HEADER = ["network", "threads", "untuned ms", "seconds", "trials", "ms", "long: seconds", "trials", "ms", "share of its speed"]


def measure_budget(network: str, threads: int, options: argparse.Namespace, folder: Path) -> BudgetRow:
    model = tw.load(NETWORKS[network](options.seed, 1).SerializeToString())
    trials: dict[str, int] = {}
    secs: dict[str, float] = {}
    prior = others_prior(network, folder) if options.prior == OTHERS else options.prior
    executables = {UNTUNED: tw.compile(model, threads=threads)}
    for name, minutes in ((SHORT, options.seconds / 60), (LONG, options.minutes)):
        is_there = name == LONG and options.long_db is not None
        url = options.long_db if is_there else f"sqlite:///{folder / f'{network}-{threads}-{name}.db'}"
        with tw.Database(url, create=not is_there) as database:
            if not is_there:
                endless = ENDLESS_TRIALS if name == LONG else None
                result = tw.tune(model, database=database, threads=threads, trials=endless, minutes=minutes, seed=options.seed, prior=prior)
                trials[name], secs[name] = result.progress.trials, result.progress.elapsed_secs
                progress(f"{network}, {threads} threads, {name}: {trials[name]} trials in {secs[name]:.0f} s")
            executables[name] = tw.compile(model, threads=threads, database=database)
    ports = executables[UNTUNED].inputs
    inputs = {port.name: np.random.default_rng(1).standard_normal(port.type.shape).astype(np.float32) for port in ports}
    contestants = {name: partial(time_calls, partial(each.run, inputs)) for name, each in executables.items()}
    timings = interleave(contestants, options.rounds, options.calls, threads)
    return BudgetRow(network=network, threads=threads, trials=trials, secs=secs, timings=timings)


def others_prior(network: str, folder: Path) -> str:
    """The file of a cost model that has seen the recordings of all other networks."""
    path = folder / f"{network}.ubj.gz"
    if not path.exists():
        progress(f"{network}: learning from the recordings of the other networks")
        recorded_prior([recording for recording in load_recordings(DATA_FOLDER) if recording.network != network]).save(path)
    return str(path)


def main() -> None:
    parser = make_parser("benchmarks.tune_budget", "How much of a long tune a short one reaches.")
    parser.add_argument(
        "--networks", default=NETWORKS_OF_THE_GOAL, help=f"separated by commas, of: {', '.join(NETWORKS)} (default: {NETWORKS_OF_THE_GOAL})"
    )
    parser.add_argument("--threads", type=numbers, default=[1], help="numbers of threads, separated by commas (default: 1)")
    parser.add_argument("--seconds", type=float, default=90.0, help="of the short tune (default: 90)")
    parser.add_argument("--minutes", type=float, default=30.0, help="of the long tune (default: 30)")
    parser.add_argument("--long-db", metavar="URL", help="a database that was searched for long before, in place of the long tune")
    parser.add_argument(
        "--prior", default=OTHERS, help=f"that both tunes start from: {OTHERS!r}, as above (default), or as for `tilewright tune --prior`"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the searches")
    parser.add_argument("--rounds", type=positive, default=12, help="visits to each model (default: 12)")
    parser.add_argument("--calls", type=positive, default=8, help="timed calls per visit (default: 8)")
    options = parser.parse_args()
    if options.quick:
        options.networks, options.seconds, options.minutes, options.rounds = "squeezenet", 10.0, 0.5, 4
    conditions = read_conditions("benchmarks.tune_budget")
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure_budget(network, threads, options, Path(folder))
            for network in chosen(options.networks, NETWORKS)
            for threads in options.threads
        ]
    ceilings = tuple(measure_ceiling(threads, tw.Target.parse("host")) for threads in options.threads)
    text = table(HEADER, [row.cells() for row in rows], f"below {GOAL_SHARE:.0%} of the speed that the long tune reaches")
    print_report(replace(conditions, ceilings=ceilings), [text], [row.to_json() for row in rows], options.json)


if __name__ == "__main__":
    main()
