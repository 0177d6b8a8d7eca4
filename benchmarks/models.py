"""Whole networks against other libraries: `python -m benchmarks.models`.

All libraries that are asked for and installed run every network in this process (MXNet in one of its own), visited by turns A B B A with a
warm-up call in each visit. The outputs of all are compared with onnxruntime's. Goals: `model_goals.py`; tables: `model_tables.py`.
"""

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

import tilewright as tw
from benchmarks.command_line import chosen, make_parser, numbers, positive, print_report, progress
from benchmarks.conditions import read_conditions
from benchmarks.model_goals import OURS, TUNED_GOALS, UNTUNED_GOALS
from benchmarks.model_tables import ModelRow, model_tables
from benchmarks.networks import NETWORKS
from benchmarks.peers import PEERS, load_peer
from benchmarks.peers.tilewright_peer import TilewrightPeer
from benchmarks.tables import milliseconds
from measure import measure_ceiling
from tilewright.interleave import interleave
from tilewright.peers import MissingPeer, Peer, PeerError, Prepared

REFERENCE = "onnxruntime"
BATCHED_NETWORKS = "resnet18,mobilenet_v1"
AVX2_ONLY = {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}  # read when a library is loaded


def measure_model(network: str, model: onnx.ModelProto, peers: Sequence[Peer], threads: int, rounds: int, calls: int) -> ModelRow:
    """`peers` hold Tilewright and the reference; those that cannot run the model are left out."""
    shape = tuple(dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    inputs = {model.graph.input[0].name: np.random.default_rng(1).standard_normal(shape).astype(np.float32)}
    with ExitStack() as stack:
        prepared: dict[str, Prepared] = {}
        for peer in peers:
            try:
                prepared[peer.name] = peer.prepare(model, threads)
            except PeerError as error:
                progress(f"{network}: without {peer.name}: {' '.join(str(error).split())}")
                continue
            stack.callback(prepared[peer.name].close)
        outputs = {name: each.run(inputs)[0] for name, each in prepared.items()}
        errors = {name: relative_error(output, outputs[REFERENCE]) for name, output in outputs.items()}
        timings = interleave({name: partial(each.time, inputs) for name, each in prepared.items()}, rounds, calls, threads)
    return ModelRow(network=network, threads=threads, batch=shape[0], timings=timings, errors=errors)


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


def read_options() -> argparse.Namespace:
    parser = make_parser(
        "benchmarks.models", "Time whole networks beside other libraries, on records of a database or on default schedules."
    )
    parser.add_argument("--networks", help=f"names separated by commas, of: {', '.join(NETWORKS)} (default: all)")
    parser.add_argument("--batch", type=int, default=1, help=f"images per call (default: 1); above 1 networks are {BATCHED_NETWORKS}")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads, separated by commas (default: 1,2)")
    parser.add_argument("--against", default=",".join(PEERS), help=f"libraries, separated by commas (default: {','.join(PEERS)})")
    parser.add_argument("--db", help="compile from this database, as in sqlite:///tuned.db; without it, default schedules are used")
    parser.add_argument("--untuned", action="store_true", help="default schedules, and the goals of zero trials; so without --db")
    parser.add_argument(
        "--trials", type=int, default=0, help="tune each network first, by so many trials per number of threads (needs --db)"
    )
    parser.add_argument(
        "--target",
        default="host",
        help="what our code is for, as in x86-64-v3, which also limits the oneDNN of torch and mxnet to AVX2; "
        "onnxruntime cannot be limited (default: host)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the tuner")
    parser.add_argument("--rounds", type=positive, default=10, help="visits to each library (default: 10)")
    parser.add_argument("--calls", type=positive, default=10, help="timed calls per visit (default: 10)")
    parser.add_argument("--mxnet-python", help="the interpreter that has MXNet; see benchmarks/peers/mxnet_peer.py")
    options = parser.parse_args()
    if options.trials and (options.untuned or not options.db):
        parser.error("--trials needs a database to keep them: add --db sqlite:///tuned.db, without --untuned")
    if options.batch < 1:
        parser.error(f"--batch {options.batch}: at least one image is needed")
    return options


def main() -> None:
    options = read_options()
    if options.target == "x86-64-v3":
        os.environ.update(AVX2_ONLY)
    conditions = read_conditions("benchmarks.models", options.target)
    usual = BATCHED_NETWORKS if options.batch > 1 else None
    networks = chosen(options.networks or ("squeezenet" if options.quick else usual), NETWORKS)
    rounds, calls = (2, 3) if options.quick else (options.rounds, options.calls)
    asked = list(dict.fromkeys([REFERENCE, *chosen(options.against, PEERS)]))
    peers, versions = installed_peers(asked, options.mxnet_python)
    names = [peer.name for peer in peers]
    if REFERENCE not in names:
        raise SystemExit(f"{REFERENCE} is what all outputs are compared with: {PEERS[REFERENCE].install}")
    tuned = options.db is not None and not options.untuned
    goals = TUNED_GOALS if tuned else UNTUNED_GOALS
    rows = []
    with ExitStack() as stack:
        database = stack.enter_context(tw.Database(options.db, create=options.trials > 0)) if tuned else None
        ours = TilewrightPeer(database, options.trials, options.seed, options.target)
        for network, make in networks.items():
            model = make(options.seed, options.batch)
            for threads in options.threads:
                row = measure_model(network, model, [ours, *peers], threads, rounds, calls)
                progress(f"{network}, {threads} threads: {milliseconds(row.timings[OURS].minimum)} ms")
                rows.append(row)
    ceilings = tuple(measure_ceiling(threads, tw.Target.parse(options.target)) for threads in options.threads)
    conditions = replace(conditions, ceilings=ceilings, versions=conditions.versions | versions)
    print_report(conditions, model_tables(rows, names, goals), [row.to_json(goals) for row in rows], options.json)


if __name__ == "__main__":
    main()
