"""MNN in float32, Winograd on as it comes; models are converted by its own converter.

The converter is called beneath its command `mnnconvert`, since that one installs a package by itself and reports each use over the network.
"""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tilewright.peers.converted_model import ONNX_FILE, converted_model
from tilewright.peers.peer import Arrays, PeerError, Prepared, time_calls
from tilewright.peers.quiet_stdout import quiet_stdout

with quiet_stdout():  # it greets whoever imports it
    import MNN

CONVERTED = "model.mnn"
ARGUMENTS = ["mnnconvert", "-f", "ONNX", "--modelFile", ONNX_FILE, "--MNNModel", CONVERTED, "--bizCode", "tilewright"]
CONVERT = f"import _tools; _tools.mnnconvert({ARGUMENTS!r})"


def _convert(folder: Path) -> None:
    """In a process of its own: a model that it doesn't know may end it."""
    done = subprocess.run([sys.executable, "-c", CONVERT], cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if not (folder / CONVERTED).is_file():
        raise PeerError(f"mnn: its converter cannot convert this model: {(done.stdout + done.stderr).strip()[-500:]}")


@dataclass(frozen=True, slots=True)
class _Session:
    """interpreter: kept alive for its session."""

    interpreter: Any
    session: Any
    shapes: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        return [np.array(tensor.getNumpyData()) for tensor in self._call(self._tensors(inputs))]

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        tensors = self._tensors(inputs)
        return time_calls(lambda: self._call(tensors), calls)

    def close(self) -> None:
        """Memory and threads go with the interpreter."""

    def _tensors(self, inputs: Arrays) -> dict[str, Any]:
        arrays = {name: np.ascontiguousarray(inputs[name], np.float32) for name in self.shapes}
        return {name: _host_tensor(array) for name, array in arrays.items()}

    def _call(self, tensors: dict[str, Any]) -> list[Any]:
        for name, tensor in tensors.items():
            self.interpreter.getSessionInput(self.session, name).copyFrom(tensor)
        if self.interpreter.runSession(self.session) != 0:
            raise PeerError("mnn: the session failed")
        results = []
        for name in self.outputs:
            output = self.interpreter.getSessionOutput(self.session, name)
            result = _host_tensor(np.empty(output.getShape(), np.float32))
            output.copyToHostTensor(result)
            results.append(result)
        return results


def _host_tensor(array: NDArray[Any]) -> Any:
    return MNN.Tensor(array.shape, MNN.Halide_Type_Float, array, MNN.Tensor_DimensionType_Caffe)


class LibraryPeer:
    name = "mnn"

    def version(self) -> str:
        return version("MNN")

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        folder = converted_model(model, f"mnn {self.version()}", _convert, (CONVERTED,))
        weights = {tensor.name for tensor in model.graph.initializer}
        shapes = {
            value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
            for value in model.graph.input
            if value.name not in weights
        }
        with quiet_stdout():
            interpreter = MNN.Interpreter(str(folder / CONVERTED))
            session = interpreter.createSession({"backend": "CPU", "precision": "high", "numThread": threads})
            prepared = _Session(interpreter, session, shapes, tuple(value.name for value in model.graph.output))
            prepared.run({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
        return prepared
