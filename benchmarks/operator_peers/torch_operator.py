"""PyTorch: oneDNN operators with packed weights, on an input that already has oneDNN's blocked layout, so that no call changes layouts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.kernel_workloads import Convolution, MatrixProduct
from benchmarks.operator_case import Array, OperatorCase
from benchmarks.operator_peers.operator_peer import PreparedOperator, mean_secs

TRIALS = 20


@dataclass(frozen=True, slots=True)
class _Call:
    call: Callable[[], Any]

    def run(self) -> Array:
        with torch.inference_mode():
            result = self.call()
            output: Array = (result.to_dense() if result.is_mkldnn else result).numpy()
            return output

    def time(self, calls: int) -> float:
        with torch.inference_mode():
            return mean_secs(self.call, calls)


class LibraryOperator:
    name = "torch"

    def prepare(self, case: OperatorCase) -> PreparedOperator:
        torch.set_num_threads(1)
        with torch.inference_mode():
            if isinstance(case.kernel, Convolution):
                return _Call(_convolution(case.kernel, case))
            return _product(case.kernel, case)


def _convolution(kernel: Convolution, case: OperatorCase) -> Callable[[], Any]:
    data, weight = _blocked(case.data), torch.from_numpy(case.weight)
    return _packed_convolution(data, case.data.shape, weight, kernel.stride, kernel.kernel // 2, kernel.groups)


def _blocked(data: Array) -> Any:
    """The same numbers as the output of a oneDNN convolution by the identity: in its blocked layout."""
    identity = torch.from_numpy(np.eye(data.shape[1], dtype=np.float32)[:, :, None, None])
    return _packed_convolution(torch.from_numpy(data).to_mkldnn(), data.shape, identity, 1, 0, 1)()


def _packed_convolution(data: Any, shape: tuple[int, ...], weight: Any, stride: int, padding: int, groups: int) -> Callable[[], Any]:
    """What `torch.utils.mkldnn` does to a module, here with the size of the images known when the weights are packed."""
    strides, paddings, dilations = (stride, stride), (padding, padding), (1, 1)
    packed = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), paddings, strides, dilations, groups, shape)
    return partial(torch.mkldnn_convolution, data, packed, None, paddings, strides, dilations, groups)


def _product(kernel: MatrixProduct, case: OperatorCase) -> _Call:
    """By oneDNN's linear or by plain `mm`, whichever is faster here."""
    weight = torch.from_numpy(case.weight if kernel.transpose else np.ascontiguousarray(case.weight.T))
    data = torch.from_numpy(case.data)
    ways = [_Call(partial(torch._C._nn.mkldnn_linear, data.to_mkldnn(), weight.to_mkldnn())), _Call(partial(torch.mm, data, weight.t()))]
    return min(ways, key=lambda way: min(way.time(1) for _ in range(TRIALS)))
