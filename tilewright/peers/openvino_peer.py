"""OpenVINO on the CPU, in float32: without the hint it may compute in bfloat16 where the machine has it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import openvino
from numpy.typing import NDArray

from tilewright.peers.peer import Arrays, PeerError, Prepared, time_calls


@dataclass(frozen=True, slots=True)
class _Request:
    request: Any

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        return [np.array(output) for output in self.request.infer(dict(inputs), share_inputs=True).values()]

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        given = dict(inputs)
        return time_calls(lambda: self.request.infer(given, share_inputs=True, share_outputs=True), calls)

    def close(self) -> None:
        """Its threads end with the request."""


class LibraryPeer:
    name = "openvino"

    def version(self) -> str:
        return str(openvino.__version__).split("-", maxsplit=1)[0]

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            compiled = core.compile_model(core.read_model(model.SerializeToString(), b""), "CPU", settings)
        except RuntimeError as error:
            raise PeerError(f"openvino cannot run this model: {error}") from error
        return _Request(compiled.create_infer_request())
