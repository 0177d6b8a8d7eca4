"""The kernels that searches are compared on: of eight networks as the graph passes make them, blocked, fused, weights
constant; and of odd sizes.

In: a target. Out: `LabWorkload`s, each under a name that is also that of its file. Next: `benchmarks/record_search_data.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.graph import workload_variants
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload


@dataclass(frozen=True, slots=True)
class LabWorkload:
    """network: the one it is taken from; what is learnt from one network is tested on the others."""

    name: str
    network: str
    workload: Workload


@dataclass(frozen=True, slots=True)
class _Convolution:
    """Batch 1, with bias and ReLU, padded to keep the size with stride 1.

    form: 0 is the direct one, n the nth Winograd form by predicted time. residual: another tensor is added before the ReLU.
    """

    in_channels: int
    out_channels: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: int = 1
    groups: int = 1
    form: int = 0
    residual: bool = False

    def workload(self, target: Target) -> Workload:
        lanes = target.vector_lanes
        height, width = self.size
        plain = self.in_channels < lanes
        block_in, block_out = -(-self.in_channels // lanes), -(-self.out_channels // lanes)
        data = TensorType((1, self.in_channels, height, width) if plain else (1, block_in, height, width, lanes))
        weight = TensorType((self.out_channels, self.in_channels // self.groups, *self.kernel))
        padding = tuple(extent // 2 for extent in self.kernel)
        attributes = {
            "strides": (self.stride, self.stride),
            "padding": (*padding, *padding),
            "dilations": (1, 1),
            "groups": self.groups,
            "layout": "NCHW" if plain else f"NCHW{lanes}c",
            "out_layout": f"NCHW{lanes}c",
        }
        arguments = [Argument(data), Argument(weight, constant=True), Argument(TensorType((1, block_out, 1, 1, lanes)), constant=True)]
        ops = [GroupOp("conv2d", (("arg", 0), ("arg", 1)), attributes), GroupOp("add", (("op", 0), ("arg", 2)))]
        if self.residual:
            out = Workload(tuple(arguments), tuple(ops)).output_types[0]
            arguments.append(Argument(out))
            ops.append(GroupOp("add", (("op", 1), ("arg", 3))))
        ops.append(GroupOp("relu", (("op", len(ops) - 1),)))
        forms = workload_variants(Workload(tuple(arguments), tuple(ops)), target)
        forms = tuple(form for form in forms if "weight_bytes" not in form.ops[form.anchor].attributes)
        if self.form >= len(forms):
            raise ValueError(f"{self} has {len(forms) - 1} Winograd forms on {target.cpu}")
        return forms[self.form]


@dataclass(frozen=True, slots=True)
class _Pool:
    op: str
    channels: int
    size: int
    kernel: int
    stride: int
    padding: int = 0

    def workload(self, target: Target) -> Workload:
        lanes = target.vector_lanes
        out_size = (self.size + 2 * self.padding - self.kernel) // self.stride + 1
        attributes: dict[str, Any] = {
            "kernel": (self.kernel, self.kernel),
            "output_size": (out_size, out_size),
            "strides": (self.stride, self.stride),
            "padding": (self.padding,) * 4,
            "dilations": (1, 1),
            "layout": f"NCHW{lanes}c",
        }
        if self.op == "average_pool":
            attributes["count_include_pad"] = False
        data = TensorType((1, -(-self.channels // lanes), self.size, self.size, lanes))
        return Workload((Argument(data),), (GroupOp(self.op, (("arg", 0),), attributes),))


@dataclass(frozen=True, slots=True)
class _MatrixProduct:
    """batch: of products, both operands activations; 0: one product with constant weights, and a bias if they are transposed."""

    rows: int
    inner: int
    columns: int
    batch: int = 0
    transpose: bool = False

    def workload(self, target: Target) -> Workload:
        del target
        lead = (self.batch,) if self.batch else ()
        right = (self.columns, self.inner) if self.transpose else (self.inner, self.columns)
        arguments = [Argument(TensorType((*lead, self.rows, self.inner))), Argument(TensorType((*lead, *right)), constant=not self.batch)]
        attributes = {"transpose_a": False, "transpose_b": self.transpose}
        ops = [GroupOp("matmul", (("arg", 0), ("arg", 1)), attributes)]
        if self.transpose and not self.batch:
            arguments.append(Argument(TensorType((self.columns,)), constant=True))
            ops.append(GroupOp("add", (("op", 0), ("arg", 2))))
        return Workload(tuple(arguments), tuple(ops))


_Shape = _Convolution | _Pool | _MatrixProduct


def _square(in_channels: int, out_channels: int, size: int, kernel: int, stride: int = 1, **options: Any) -> _Convolution:
    return _Convolution(in_channels, out_channels, (size, size), (kernel, kernel), stride, **options)


def _depthwise(channels: int, size: int, stride: int = 1) -> _Convolution:
    return _square(channels, channels, size, 3, stride, groups=channels)


# name -> shape; sizes are those of the input
_NETWORKS: dict[str, dict[str, _Shape]] = {
    "resnet18": {
        "conv 3-64 224 7x7 s2": _square(3, 64, 224, 7, 2),
        "conv 64-64 56 3x3": _square(64, 64, 56, 3),
        "conv 64-64 56 3x3 winograd 1": _square(64, 64, 56, 3, form=1),
        "conv 64-128 56 3x3 s2": _square(64, 128, 56, 3, 2),
        "conv 128-128 28 3x3 winograd 2": _square(128, 128, 28, 3, form=2),
        "conv 256-256 14 3x3 residual": _square(256, 256, 14, 3, residual=True),
        "conv 512-512 7 3x3 winograd 1": _square(512, 512, 7, 3, form=1),
        "maxpool 64 112 3x3 s2": _Pool("max_pool", 64, 112, 3, 2, 1),
        "dense 512-1000": _MatrixProduct(1, 512, 1000, transpose=True),
    },
    "resnet50": {
        "conv 64-256 56 1x1 residual": _square(64, 256, 56, 1, residual=True),
        "conv 512-128 28 1x1": _square(512, 128, 28, 1),
        "conv 1024-256 14 1x1": _square(1024, 256, 14, 1),
        "conv 1024-2048 14 1x1 s2": _square(1024, 2048, 14, 1, 2),
        "conv 128-128 56 3x3 s2": _square(128, 128, 56, 3, 2),
    },
    "inception_v1": {
        "conv 192-16 28 1x1": _square(192, 16, 28, 1),
        "conv 16-32 28 5x5": _square(16, 32, 28, 5),
        "conv 96-128 28 3x3 winograd 1": _square(96, 128, 28, 3, form=1),
        "conv 480-192 14 1x1": _square(480, 192, 14, 1),
        "conv 112-224 14 3x3": _square(112, 224, 14, 3),
        "conv 32-128 7 5x5": _square(32, 128, 7, 5),
        "maxpool 192 28 3x3": _Pool("max_pool", 192, 28, 3, 1, 1),
    },
    "inception_v3": {
        "conv 128-128 17 1x7": _Convolution(128, 128, (17, 17), (1, 7)),
        "conv 160-192 17 7x1": _Convolution(160, 192, (17, 17), (7, 1)),
        "conv 64-96 35 3x3": _square(64, 96, 35, 3),
        "conv 80-192 73 3x3": _square(80, 192, 73, 3),
        "conv 2048-320 8 1x1": _square(2048, 320, 8, 1),
    },
    "densenet121": {
        "conv 128-32 56 3x3": _square(128, 32, 56, 3),
        "conv 128-32 28 3x3 winograd 1": _square(128, 32, 28, 3, form=1),
        "conv 128-32 7 3x3": _square(128, 32, 7, 3),
        "conv 416-128 28 1x1": _square(416, 128, 28, 1),
        "conv 992-128 7 1x1": _square(992, 128, 7, 1),
        "avgpool 128 56 2x2 s2": _Pool("average_pool", 128, 56, 2, 2),
    },
    "mobilenet_v1": {
        "conv 3-32 224 3x3 s2": _square(3, 32, 224, 3, 2),
        "conv 32-64 112 1x1": _square(32, 64, 112, 1),
        "conv 512-512 14 1x1": _square(512, 512, 14, 1),
        "conv 1024-1024 7 1x1": _square(1024, 1024, 7, 1),
        "depthwise 64 112 s2": _depthwise(64, 112, 2),
        "depthwise 128 56": _depthwise(128, 56),
        "depthwise 512 14": _depthwise(512, 14),
        "depthwise 1024 7": _depthwise(1024, 7),
    },
    "mobilenet_v2": {
        "conv 16-96 112 1x1": _square(16, 96, 112, 1),
        "conv 144-32 28 1x1 residual": _square(144, 32, 28, 1, residual=True),
        "conv 320-1280 7 1x1": _square(320, 1280, 7, 1),
        "depthwise 144 56": _depthwise(144, 56),
        "depthwise 96 112 s2": _depthwise(96, 112, 2),
    },
    "bert": {
        "matmul 128x768x768": _MatrixProduct(128, 768, 768),
        "matmul 128x3072x768": _MatrixProduct(128, 3072, 768),
        "batch matmul 12x128x64x128": _MatrixProduct(128, 64, 128, batch=12),
        "batch matmul 12x128x128x64": _MatrixProduct(128, 128, 64, batch=12),
    },
    "odd": {
        "conv 48-80 37x53 3x3": _Convolution(48, 80, (37, 53), (3, 3)),
        "conv 32-48 19x31 3x3 s2": _Convolution(32, 48, (19, 31), (3, 3), 2),
        "matmul 100x300x77": _MatrixProduct(100, 300, 77),
        "batch matmul 3x50x33x65": _MatrixProduct(50, 33, 65, batch=3),
    },
}


def lab_workloads(target: Target) -> Iterator[LabWorkload]:
    """All of them for this target; its number of cores is that of the threads."""
    for network, shapes in _NETWORKS.items():
        for name, shape in shapes.items():
            yield LabWorkload(f"{network} {name}", network, shape.workload(target))
