"""Whole networks against other libraries: `python -m benchmarks.models`.

All libraries that are asked for and installed run every network in this process (MXNet in one of its own), visited by turns A B B A with a
warm-up call in each visit. The outputs of all are compared with onnxruntime's.
"""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

import tilewright as tw
from benchmarks.ceiling import measure_ceiling
from benchmarks.command_line import chosen, make_parser, numbers, print_report, progress
from benchmarks.conditions import read_conditions
from benchmarks.networks import NETWORKS
from benchmarks.peers import PEERS, load_peer
from benchmarks.peers.tilewright_peer import TilewrightPeer
from benchmarks.tables import Cell, milliseconds, table
from tilewright.interleave import Timing, interleave
from tilewright.peers import MissingPeer, Peer

OURS, REFERENCE = "tilewright", "onnxruntime"
DEFAULT_NETWORKS = "resnet18,mobilenet_v1,mobilenet_v2,resnet50,squeezenet"
MAX_ERROR = 1e-4  # relative to the largest output of the reference


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One network on one number of threads. errors: the largest difference from the reference over its largest output."""

    network: str
    threads: int
    timings: Mapping[str, Timing]
    errors: Mapping[str, float]

    def cells(self, names: Sequence[str]) -> list[Cell | str]:
        """Ours in milliseconds; each peer's with its time as a multiple of ours, marked where that is below one."""
        ours = self.timings[OURS]
        cells: list[Cell | str] = [self.network, milliseconds(ours.minimum), milliseconds(ours.median), f"{ours.spread:.0%}"]
        for name in names:
            ratio = self.timings[name].minimum / ours.minimum
            cells.append(Cell(f"{milliseconds(self.timings[name].minimum)} = {ratio:.2f}x", ratio < 1))
        return [*cells, Cell(f"{self.errors[OURS]:.0e}", self.errors[OURS] > MAX_ERROR)]

    def to_json(self) -> dict[str, Any]:
        peers = {name: {**timing.to_json(), "error": self.errors[name]} for name, timing in self.timings.items()}
        return {"network": self.network, "threads": self.threads, "libraries": peers}


def measure_model(network: str, model: onnx.ModelProto, peers: Sequence[Peer], threads: int, rounds: int, calls: int) -> ModelRow:
    """`peers` hold Tilewright and the reference."""
    shape = tuple(dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    inputs = {model.graph.input[0].name: np.random.default_rng(1).standard_normal(shape).astype(np.float32)}
    with ExitStack() as stack:
        prepared = {}
        for peer in peers:
            prepared[peer.name] = peer.prepare(model, threads)
            stack.callback(prepared[peer.name].close)
        outputs = {name: each.run(inputs)[0] for name, each in prepared.items()}
        errors = {name: relative_error(output, outputs[REFERENCE]) for name, output in outputs.items()}
        timings = interleave({name: partial(each.time, inputs) for name, each in prepared.items()}, rounds, calls)
    return ModelRow(network=network, threads=threads, timings=timings, errors=errors)


def relative_error(output: NDArray[Any], reference: NDArray[Any]) -> float:
    """The largest difference over the reference's largest magnitude."""
    return float(np.abs(output - reference).max() / np.abs(reference).max())


def installed_peers(names: Sequence[str], mxnet_python: str | None) -> tuple[list[Peer], dict[str, str]]:
    """Those that can be used, with their versions; the others are named with what would install them."""
    peers: list[Peer] = []
    versions: dict[str, str] = {}
    for name in names:
        try:
            peer = load_peer(name, mxnet_python)
            versions[name] = peer.version()
        except MissingPeer as missing:
            progress(f"left out: {missing}")
            versions[name] = "left out"
            continue
        peers.append(peer)
    return peers, versions


def scaling_table(rows: Sequence[ModelRow], names: Sequence[str]) -> str:
    """Time on the fewest threads over time on the most, for each library."""
    fewest, most = min(row.threads for row in rows), max(row.threads for row in rows)
    slow = {row.network: row for row in rows if row.threads == fewest}
    fast = {row.network: row for row in rows if row.threads == most}

    def cells(network: str) -> list[Cell | str]:
        gains = {name: slow[network].timings[name].minimum / fast[network].timings[name].minimum for name in names}
        best = max(gains.values())
        return [network, *(Cell(f"{gain:.2f}x", name == OURS and gain < 0.98 * best) for name, gain in gains.items())]

    header = (f"{fewest} -> {most} threads", *names)
    return table(header, [cells(network) for network in slow], "gains less from threads than another library does")


def read_options() -> argparse.Namespace:
    parser = make_parser(
        "benchmarks.models", "Time whole networks beside other libraries, on records of a database or on default schedules."
    )
    parser.add_argument("--networks", help=f"names separated by commas, of: {', '.join(NETWORKS)} (default: {DEFAULT_NETWORKS})")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads, separated by commas (default: 1,2)")
    parser.add_argument("--against", default=",".join(PEERS), help=f"libraries, separated by commas (default: {','.join(PEERS)})")
    parser.add_argument("--db", help="compile from this database, as in sqlite:///tuned.db; without it, default schedules are used")
    parser.add_argument(
        "--trials", type=int, default=0, help="tune each network first, by so many trials per number of threads (needs --db)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the tuner")
    parser.add_argument("--rounds", type=int, default=10, help="visits to each library (default: 10)")
    parser.add_argument("--calls", type=int, default=10, help="timed calls per visit (default: 10)")
    parser.add_argument("--mxnet-python", help="the interpreter that has MXNet; see benchmarks/peers/mxnet_peer.py")
    options = parser.parse_args()
    if options.trials and not options.db:
        parser.error("--trials needs a database to keep them: add --db sqlite:///tuned.db")
    return options


def main() -> None:
    options = read_options()
    conditions = read_conditions("benchmarks.models")
    networks = chosen(options.networks or ("squeezenet" if options.quick else DEFAULT_NETWORKS), NETWORKS)
    rounds, calls = (2, 3) if options.quick else (options.rounds, options.calls)
    asked = list(dict.fromkeys([REFERENCE, *chosen(options.against, PEERS)]))
    peers, versions = installed_peers(asked, options.mxnet_python)
    names = [peer.name for peer in peers]
    rows = []
    with ExitStack() as stack:
        database = stack.enter_context(tw.Database(options.db)) if options.db else None
        ours = TilewrightPeer(database, options.trials, options.seed)
        for network, make in networks.items():
            model = make(options.seed)
            for threads in options.threads:
                row = measure_model(network, model, [ours, *peers], threads, rounds, calls)
                progress(f"{network}, {threads} threads: {milliseconds(row.timings[OURS].minimum)} ms")
                rows.append(row)
    ceilings = tuple(measure_ceiling(threads) for threads in options.threads)
    tables = []
    for threads in options.threads:
        header = (f"ms, {threads} thread{'s' * (threads > 1)}", OURS, "median", "spread", *names, "error")
        cells = [row.cells(names) for row in rows if row.threads == threads]
        tables.append(table(header, cells, f"faster than {OURS}, or an error above {MAX_ERROR:.0e}"))
    if len(set(options.threads)) > 1:
        tables.append(scaling_table(rows, [OURS, *names]))
    conditions = replace(conditions, ceilings=ceilings, versions=conditions.versions | versions)
    print_report(conditions, tables, [row.to_json() for row in rows], options.json)


if __name__ == "__main__":
    main()
