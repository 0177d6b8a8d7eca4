"""The kernels that are tuned against the ceiling: convolutions of ResNet-18 and -50 on blocked layouts, and a matrix product."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload


@dataclass(frozen=True, slots=True)
class Convolution:
    """Square, batch 1, no bias; padded by kernel // 2."""

    in_channels: int
    out_channels: int
    size: int
    kernel: int
    stride: int = 1

    def workload(self, target: Target) -> Workload:
        """Activations blocked by the vector's lanes, weights constant."""
        lanes = target.vector_lanes
        data = TensorType((1, self.in_channels // lanes, self.size, self.size, lanes))
        weight = TensorType((self.out_channels, self.in_channels, self.kernel, self.kernel))
        attributes = {
            "strides": (self.stride, self.stride),
            "padding": (self.kernel // 2,) * 4,
            "dilations": (1, 1),
            "groups": 1,
            "layout": f"NCHW{lanes}c",
            "out_layout": f"NCHW{lanes}c",
        }
        return Workload((Argument(data), Argument(weight, constant=True)), (GroupOp("conv2d", (("arg", 0), ("arg", 1)), attributes),))

    @property
    def operations(self) -> int:
        """Multiplications and additions, those with padding included."""
        out = (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1
        return 2 * self.out_channels * self.in_channels * self.kernel**2 * out**2


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """size x size times size x size, the right one constant, as the weights of a dense layer are."""

    size: int

    def workload(self, target: Target) -> Workload:
        del target
        square = TensorType((self.size, self.size))
        attributes = {"transpose_a": False, "transpose_b": False}
        return Workload((Argument(square), Argument(square, constant=True)), (GroupOp("matmul", (("arg", 0), ("arg", 1)), attributes),))

    @property
    def operations(self) -> int:
        return 2 * self.size**3


KERNELS: Mapping[str, Convolution | MatrixProduct] = MappingProxyType(
    {
        "64->64 56x56 3x3": Convolution(64, 64, 56, 3),
        "128->128 28x28 3x3": Convolution(128, 128, 28, 3),
        "256->256 14x14 3x3": Convolution(256, 256, 14, 3),
        "512->512 7x7 3x3": Convolution(512, 512, 7, 3),
        "256->512 14x14 1x1": Convolution(256, 512, 14, 1),
        "128->128 28x28 3x3 /2": Convolution(128, 128, 28, 3, stride=2),
        "256->256 56x56 3x3": Convolution(256, 256, 56, 3),
        "matmul 512": MatrixProduct(512),
    }
)
