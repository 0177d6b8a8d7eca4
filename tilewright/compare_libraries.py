"""Time a model under Tilewright and other libraries, interleaved. In: contestants that are ready to run. Out: `Comparison`.

Next: `commands/bench.py`, which prints it.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from compiler.runtime import Executable
from compiler.tensor_type import TensorType
from tilewright.interleave import Timing, interleave
from tilewright.peers import Arrays, MissingPeer, PeerError, Prepared, load_peer, time_calls

ROUNDS = 10
VISIT_SECS = 0.1  # of the slowest contestant
MOST_CALLS = 50


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """An executable behind the interface of the peers, timed through Python as they are."""

    executable: Executable

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        return self.executable.run(inputs)

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        return time_calls(lambda: self.executable.run(inputs), calls)

    def close(self) -> None:
        """Its threads end with the executable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """timings: by contestant. errors: the largest difference from `reference` over its largest magnitude, over all outputs."""

    threads: int
    reference: str
    timings: Mapping[str, Timing]
    errors: Mapping[str, float]


def prepare_peers(
    path: Path, types: Mapping[str, TensorType], names: Sequence[str], threads: int
) -> tuple[dict[str, Prepared], dict[str, str], dict[str, str]]:
    """Those that can run the model, the versions of those that are installed, and for each of the others why not."""
    model = with_static_inputs(onnx.load(path), types) if names else onnx.ModelProto()
    prepared: dict[str, Prepared] = {}
    versions: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            peer = load_peer(name)
            versions[name] = peer.version()
            prepared[name] = peer.prepare(model, threads)
        except (MissingPeer, PeerError) as error:
            left_out[name] = " ".join(str(error).split())
    return prepared, versions, left_out


def with_static_inputs(model: onnx.ModelProto, types: Mapping[str, TensorType]) -> onnx.ModelProto:
    """The model with the shapes of its inputs written into it, so that no library has to cope with open ones."""
    static = onnx.ModelProto()
    static.CopyFrom(model)
    for value in static.graph.input:
        if value.name not in types:
            continue
        shape = value.type.tensor_type.shape
        shape.Clear()
        for extent in types[value.name].shape:
            shape.dim.add().dim_value = extent
    return static


def compare(contestants: Mapping[str, Prepared], inputs: Arrays, threads: int, reference: str, rounds: int = ROUNDS) -> Comparison:
    """Closes the contestants. reference: one of them, whose outputs the others are compared with."""
    with ExitStack() as stack:
        for contestant in contestants.values():
            stack.callback(contestant.close)
        outputs = {name: contestant.run(inputs) for name, contestant in contestants.items()}
        errors = {name: largest_error(values, outputs[reference]) for name, values in outputs.items()}
        slowest = max(min(contestant.time(inputs, 2)) for contestant in contestants.values())
        calls = max(1, min(MOST_CALLS, round(VISIT_SECS / slowest)))
        timings = interleave({name: partial(each.time, inputs) for name, each in contestants.items()}, rounds, calls, threads)
    return Comparison(threads=threads, reference=reference, timings=timings, errors=errors)


def largest_error(outputs: Sequence[NDArray[Any]], reference: Sequence[NDArray[Any]]) -> float:
    """Relative to the largest magnitude of each output of the reference; absolute for an output of zeros."""
    errors = [0.0]
    for output, wanted in zip(outputs, reference, strict=True):
        if wanted.size:
            difference = np.abs(np.asarray(output, np.float64) - np.asarray(wanted, np.float64)).max()
            errors.append(float(difference / (np.abs(np.asarray(wanted, np.float64)).max() or 1.0)))
    return max(errors)


def random_inputs(types: Mapping[str, TensorType], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Normal numbers for floats; zeros for integers, which any operator takes as an index."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(kind.shape).astype(kind.dtype) if kind.dtype.kind == "f" else np.zeros(kind.shape, kind.dtype)
        for name, kind in types.items()
    }
