"""The operators that are compared with the vendors' libraries, in sections with a goal each, and whether the goals are reached.

Next: `past_vendors.py` measures them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.kernel_workloads import Convolution, Kernel, MatrixProduct

VENDORS = ("torch", "onnxruntime")  # oneDNN and MLAS: neither uses Winograd in float32
WINOGRAD_PEER = ("ncnn",)
TILE_COLUMNS = 14  # a register tile's width that the common image sizes divide by


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The fastest of `peers` takes at least `ratio` times our time, on at least `kernels` of the section (None: all)."""

    peers: tuple[str, ...]
    ratio: float
    kernels: int | None = None

    @property
    def against(self) -> str:
        return self.peers[0] if len(self.peers) == 1 else f"the better of {', '.join(self.peers)}"

    def reached(self, ratios: Sequence[float]) -> int:
        return sum(ratio >= self.ratio for ratio in ratios)

    def needed(self, total: int) -> int:
        return total if self.kernels is None else self.kernels


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """share: of the ceiling, asked for where sizes divide. narrow_share: of its own ceiling, asked for on any target but the host."""

    name: str
    kernels: tuple[Kernel, ...]
    quotas: tuple[Quota, ...] = ()
    share: float | None = None
    narrow_share: float | None = None

    def floor(self, peers: tuple[str, ...]) -> float:
        """The ratio that most kernels of the section are to reach: below it a cell is marked; without a goal, where the peer is faster."""
        quotas = [quota for quota in self.quotas if quota.peers == peers]
        return max(quotas, key=lambda quota: quota.needed(len(self.kernels))).ratio if quotas else 1.0


def sizes_divide(kernel: Kernel, lanes: int) -> bool:
    """Whether neither channels nor pixels leave a partial tile; products with a single row are bound by memory, and left out."""
    if isinstance(kernel, MatrixProduct):
        return kernel.rows % TILE_COLUMNS == 0 and kernel.columns % lanes == 0
    channels = kernel.in_channels % lanes == 0 and kernel.out_channels % lanes == 0
    return channels and kernel.stride == 1 and kernel.out_size % TILE_COLUMNS == 0


def _square(channels: int, size: int) -> Convolution:
    return Convolution(channels, channels, size, 3)


def _pointwise(*shapes: tuple[int, int, int]) -> tuple[Convolution, ...]:
    return tuple(Convolution(inner, outer, size, 1) for inner, outer, size in shapes)


def _depthwise(*shapes: tuple[int, int, int]) -> tuple[Convolution, ...]:
    return tuple(Convolution(channels, channels, size, 3, stride, channels) for channels, size, stride in shapes)


RESNET50_POINTWISE = (
    *_pointwise((64, 64, 56), (64, 256, 56), (256, 64, 56), (256, 128, 56), (128, 512, 28), (512, 128, 28), (512, 256, 28)),
    *_pointwise((256, 1024, 14), (1024, 256, 14), (1024, 512, 14), (512, 2048, 7), (2048, 512, 7)),
    *(Convolution(inner, 2 * inner, size, 1, 2) for inner, size in ((256, 56), (512, 28), (1024, 14))),
)
MOBILENET_POINTWISE = (
    *_pointwise((32, 64, 112), (64, 128, 56), (128, 128, 56), (128, 256, 28), (256, 256, 28), (256, 512, 14), (512, 512, 14)),
    *_pointwise((512, 1024, 7), (1024, 1024, 7)),
)
PRODUCTS = (
    *(MatrixProduct(*sizes) for sizes in ((3136, 64, 256), (784, 128, 512), (784, 512, 128), (196, 256, 1024), (196, 1024, 256))),
    *(MatrixProduct(*sizes) for sizes in ((196, 512, 512), (49, 512, 2048), (49, 2048, 512), (49, 1024, 1024))),
    *(MatrixProduct(1, inner, 1000, transpose=True) for inner in (2048, 1024)),
)
MOBILENET_V1_DEPTHWISE = _depthwise(
    *((32, 112, 1), (64, 112, 2), (128, 56, 1), (128, 56, 2), (256, 28, 1), (256, 28, 2), (512, 14, 1), (512, 14, 2), (1024, 7, 1))
)
MOBILENET_V2_DEPTHWISE = _depthwise(
    *((96, 112, 2), (144, 56, 1), (144, 56, 2), (192, 28, 1), (192, 28, 2), (384, 14, 1), (576, 14, 1), (576, 14, 2), (960, 7, 1))
)
SECTIONS: Mapping[str, Section] = MappingProxyType(
    {
        section.name: section
        for section in (
            Section(
                name="3x3",
                kernels=(
                    *(_square(64 << stage, 56 >> stage) for stage in range(4)),
                    *(_square(*shape) for shape in ((64, 224), (128, 112), (256, 56), (512, 28), (512, 14))),
                ),
                quotas=(
                    *(Quota(peers=VENDORS, ratio=ratio, kernels=kernels) for ratio, kernels in ((2.8, 5), (2.2, 8), (1.7, None))),
                    *(Quota(peers=WINOGRAD_PEER, ratio=ratio, kernels=kernels) for ratio, kernels in ((1.3, 5), (1.15, 8))),
                ),
                narrow_share=2.0,
            ),
            Section(
                name="1x1",
                kernels=tuple(dict.fromkeys((*RESNET50_POINTWISE, *MOBILENET_POINTWISE))),
                quotas=(Quota(peers=VENDORS, ratio=0.97),),
                share=0.95,
                narrow_share=0.85,
            ),
            Section(name="matmul", kernels=PRODUCTS, quotas=(Quota(peers=VENDORS, ratio=0.97),), share=0.95, narrow_share=0.85),
            Section(
                name="depthwise",
                kernels=(*MOBILENET_V1_DEPTHWISE, *MOBILENET_V2_DEPTHWISE),
                quotas=(Quota(peers=VENDORS, ratio=1.1),),
            ),
            Section(
                name="3x3 /2",
                kernels=tuple(Convolution(channels, 2 * channels, 3584 // channels, 3, 2) for channels in (64, 128, 256)),
                narrow_share=0.85,
            ),
        )
    }
)
