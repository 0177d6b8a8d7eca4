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
    groups: int = 1

    @property
    def name(self) -> str:
        channels = f"{self.in_channels}->{self.out_channels}" if self.groups == 1 else f"{self.in_channels} depthwise"
        return f"{channels} {self.size}x{self.size} {self.kernel}x{self.kernel}" + (f" /{self.stride}" if self.stride > 1 else "")

    @property
    def out_size(self) -> int:
        return (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1

    def workload(self, target: Target) -> Workload:
        """Activations blocked by the vector's lanes, weights constant."""
        lanes = target.vector_lanes
        data = TensorType((1, self.in_channels // lanes, self.size, self.size, lanes))
        weight = TensorType((self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel))
        attributes = {
            "strides": (self.stride, self.stride),
            "padding": (self.kernel // 2,) * 4,
            "dilations": (1, 1),
            "groups": self.groups,
            "layout": f"NCHW{lanes}c",
            "out_layout": f"NCHW{lanes}c",
        }
        return Workload((Argument(data), Argument(weight, constant=True)), (GroupOp("conv2d", (("arg", 0), ("arg", 1)), attributes),))

    @property
    def operations(self) -> int:
        """Multiplications and additions, those with padding included."""
        return 2 * self.out_channels * self.in_channels // self.groups * self.kernel**2 * self.out_size**2


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """rows x inner times inner x columns, the right one constant; transpose: kept as columns x inner, as weights of dense layers are."""

    rows: int
    inner: int
    columns: int
    transpose: bool = False

    @property
    def name(self) -> str:
        return f"matmul {self.rows}x{self.inner}x{self.columns}"

    def workload(self, target: Target) -> Workload:
        del target
        data = TensorType((self.rows, self.inner))
        weight = TensorType((self.columns, self.inner) if self.transpose else (self.inner, self.columns))
        attributes = {"transpose_a": False, "transpose_b": self.transpose}
        return Workload((Argument(data), Argument(weight, constant=True)), (GroupOp("matmul", (("arg", 0), ("arg", 1)), attributes),))

    @property
    def operations(self) -> int:
        return 2 * self.rows * self.inner * self.columns


Kernel = Convolution | MatrixProduct

KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "64->64 56x56 3x3": Convolution(64, 64, 56, 3),
        "128->128 28x28 3x3": Convolution(128, 128, 28, 3),
        "256->256 14x14 3x3": Convolution(256, 256, 14, 3),
        "512->512 7x7 3x3": Convolution(512, 512, 7, 3),
        "256->512 14x14 1x1": Convolution(256, 512, 14, 1),
        "128->128 28x28 3x3 /2": Convolution(128, 128, 28, 3, stride=2),
        "256->256 56x56 3x3": Convolution(256, 256, 56, 3),
        "matmul 512": MatrixProduct(512, 512, 512),
    }
)
