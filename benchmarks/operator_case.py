"""One operator with its numbers: what every library computes and is compared on. In: a `Kernel`. Out: `OperatorCase`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks.kernel_workloads import Convolution, Kernel
from benchmarks.network_builder import IR_VERSION, OPSET

Array = NDArray[Any]
DATA, OUTPUT = "data", "output"


@dataclass(frozen=True, slots=True)
class OperatorCase:
    """Normal numbers in float32. data: (1, channels, size, size) or (rows, inner); weight: as the kernel's workload has it."""

    kernel: Kernel
    data: Array
    weight: Array

    def reference(self) -> Array:
        """In float64."""
        data, weight = self.data.astype(np.float64), self.weight.astype(np.float64)
        if isinstance(self.kernel, Convolution):
            return _convolve(self.kernel, data[0], weight)[None]
        return data @ (weight.T if self.kernel.transpose else weight)

    def model(self) -> onnx.ModelProto:
        """A model of one node, without a bias."""
        if isinstance(self.kernel, Convolution):
            kernel, padding = self.kernel.kernel, self.kernel.kernel // 2
            window: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [self.kernel.stride] * 2, "pads": [padding] * 4}
            node = helper.make_node("Conv", [DATA, "weight"], [OUTPUT], group=self.kernel.groups, **window)
            shape: tuple[int, ...] = (1, self.kernel.out_channels, self.kernel.out_size, self.kernel.out_size)
        else:
            node = helper.make_node("Gemm", [DATA, "weight"], [OUTPUT], transB=int(self.kernel.transpose))
            shape = (self.kernel.rows, self.kernel.columns)
        given = helper.make_tensor_value_info(DATA, TensorProto.FLOAT, self.data.shape)
        result = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)
        graph = helper.make_graph([node], "operator", [given], [result], [numpy_helper.from_array(self.weight, "weight")])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def error(self, output: Array, reference: Array) -> float:
        """The largest difference over the reference's largest magnitude."""
        return float(np.abs(output.reshape(reference.shape) - reference).max() / np.abs(reference).max())


def make_case(kernel: Kernel, seed: int = 0) -> OperatorCase:
    rng = np.random.default_rng(seed)
    if isinstance(kernel, Convolution):
        shapes: tuple[tuple[int, ...], tuple[int, ...]] = (
            (1, kernel.in_channels, kernel.size, kernel.size),
            (kernel.out_channels, kernel.in_channels // kernel.groups, kernel.kernel, kernel.kernel),
        )
    else:
        weight = (kernel.columns, kernel.inner) if kernel.transpose else (kernel.inner, kernel.columns)
        shapes = ((kernel.rows, kernel.inner), weight)
    data, weights = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
    return OperatorCase(kernel, data, weights)


def smallest_case(kernel: Kernel) -> OperatorCase:
    """Of the same operator, with next to nothing to compute: the time of a call is what calling costs."""
    if isinstance(kernel, Convolution):
        channels = 16
        return make_case(Convolution(channels, channels, 1, 1, groups=channels if kernel.groups > 1 else 1))
    return make_case(type(kernel)(1, 16, 16, kernel.transpose))


def _convolve(kernel: Convolution, data: Array, weight: Array) -> Array:
    """One tap after the other: (out, in) x (in, pixels), or channel by channel where it is depthwise."""
    padded = np.pad(data, ((0, 0), *((kernel.kernel // 2,) * 2,) * 2))
    reach = (kernel.out_size - 1) * kernel.stride + 1
    out = np.zeros((kernel.out_channels, kernel.out_size, kernel.out_size))
    for y in range(kernel.kernel):
        for x in range(kernel.kernel):
            pixels = padded[:, y : y + reach : kernel.stride, x : x + reach : kernel.stride]
            if kernel.groups == 1:
                out += (weight[:, :, y, x] @ pixels.reshape(kernel.in_channels, -1)).reshape(out.shape)
            else:
                out += weight[:, 0, y, x, None, None] * pixels
    return out
