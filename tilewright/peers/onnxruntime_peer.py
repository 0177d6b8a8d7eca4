"""ONNX Runtime on its CPU provider, all graph optimisations on."""

from dataclasses import dataclass
from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

from tilewright.peers.peer import Arrays, PeerError, Prepared, time_calls

REFUSALS = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NotImplemented, state.RuntimeException)


@dataclass(frozen=True, slots=True)
class _Session:
    session: Any

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        return list(self.session.run(None, dict(inputs)))

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        given = dict(inputs)
        return time_calls(lambda: self.session.run(None, given), calls)

    def close(self) -> None:
        """Its threads end with the session."""


class LibraryPeer:
    name = "onnxruntime"

    def version(self) -> str:
        return str(onnxruntime.__version__)

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3  # errors alone
        # its threads spin while it runs, but leave the cores to whoever is timed next
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except REFUSALS as error:
            raise PeerError(f"onnxruntime cannot run this model: {error}") from error
        return _Session(session)
