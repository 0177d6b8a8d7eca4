"""ncnn in float32, Winograd on as it comes; models are converted by its own pnnx, which also fuses their layers.

ncnn gives the batch its own axis outside of (channels, height, width), so a batch above one is a single run as well.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ncnn
import numpy as np
import onnx
import pnnx
from numpy.typing import NDArray

from tilewright.peers.converted_model import ONNX_FILE, converted_model
from tilewright.peers.peer import Arrays, PeerError, Prepared, time_calls

PARAM, WEIGHTS = "model.ncnn.param", "model.ncnn.bin"
NARROW = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage", "use_int8_inference")


def ncnn_files(model: onnx.ModelProto) -> Path:
    """The folder with the network's PARAM and WEIGHTS; its inputs are named in0, in1, ... and its outputs out0, out1, ..."""

    def convert(folder: Path) -> None:
        command = [str(pnnx.EXEC_PATH), ONNX_FILE, "fp16=0"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        if not (folder / WEIGHTS).is_file():
            raise PeerError(f"ncnn: pnnx cannot convert this model: {done.stderr.strip()[-500:]}")

    return converted_model(model, f"pnnx {pnnx.__version__}", convert, (PARAM, WEIGHTS))


def load_net(folder: Path, threads: int) -> Any:
    """An `ncnn.Net` in float32. Raises `PeerError` where a layer is not ncnn's."""
    net = ncnn.Net()
    for option in NARROW:
        setattr(net.opt, option, False)
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = threads
    if net.load_param(str(folder / PARAM)) != 0 or net.load_model(str(folder / WEIGHTS)) != 0:
        raise PeerError(f"ncnn: the network that pnnx made does not load: {folder}")
    return net


def to_mat(array: NDArray[Any], batched: bool) -> Any:
    """A `Mat` on the array's own memory, which has to outlive it. batched: the first axis is the batch, also where it is one."""
    if not batched:
        return ncnn.Mat(array)
    return ncnn.Mat(array[0]) if array.shape[0] == 1 else ncnn.Mat(array, 0)


def from_mat(mat: Any, batched: bool) -> NDArray[Any]:
    """A copy; of a batch, the samples along the first axis."""
    if not batched:
        return np.array(mat)
    return np.stack([np.array(mat.batch(sample)) for sample in range(mat.n)])


@dataclass(frozen=True, slots=True)
class _Network:
    net: Any
    shapes: dict[str, tuple[int, ...]]
    outputs: tuple[tuple[int, ...], ...]

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        given = self._arrays(inputs)
        mats = self._call([to_mat(array, batched=True) for array in given])
        return [from_mat(mat, batched=True).reshape(shape) for mat, shape in zip(mats, self.outputs, strict=True)]

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        given = self._arrays(inputs)
        return time_calls(lambda: self._call([to_mat(array, batched=True) for array in given]), calls)

    def close(self) -> None:
        self.net.clear()

    def _arrays(self, inputs: Arrays) -> list[NDArray[Any]]:
        return [np.ascontiguousarray(inputs[name], np.float32) for name in self.shapes]

    def _call(self, mats: list[Any]) -> list[Any]:
        extractor = self.net.create_extractor()
        for position, mat in enumerate(mats):
            extractor.input(f"in{position}", mat)
        results = [extractor.extract(f"out{position}") for position in range(len(self.outputs))]
        if any(status for status, _ in results):
            raise PeerError(f"ncnn: a layer failed with status {[status for status, _ in results]}")
        return [mat for _, mat in results]


class LibraryPeer:
    name = "ncnn"

    def version(self) -> str:
        return str(ncnn.__version__)

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        net = load_net(ncnn_files(model), threads)
        typed = onnx.shape_inference.infer_shapes(model)
        network = _Network(net, _shapes(typed.graph.input, model), tuple(_shapes(typed.graph.output, model).values()))
        network.run({name: np.zeros(shape, np.float32) for name, shape in network.shapes.items()})
        return network


def _shapes(values: Any, model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Of the graph's values that are no weights."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return {value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in values if value.name not in weights}
