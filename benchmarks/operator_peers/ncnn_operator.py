"""ncnn: a network of one layer. Activations of convolutions come and go in its packed layout, so that no call packs or unpacks."""

from dataclasses import dataclass
from typing import Any

import ncnn
import numpy as np

from benchmarks.kernel_workloads import Convolution
from benchmarks.operator_case import Array, OperatorCase
from benchmarks.operator_peers.operator_peer import PreparedOperator, mean_secs
from tilewright.peers.ncnn_peer import load_net, ncnn_files

PACKS = (16, 8, 4)  # channels side by side, the most that the machine and the number of channels allow
KEEP_PACKED = 1


@dataclass(frozen=True, slots=True)
class _Layer:
    """data: kept alive, since `mat` is a view of it."""

    net: Any
    mat: Any
    data: Array

    def run(self) -> Array:
        return np.array(ncnn.convert_packing(self._call(), 1))

    def time(self, calls: int) -> float:
        return mean_secs(self._call, calls)

    def _call(self) -> Any:
        extractor = self.net.create_extractor()
        extractor.input("in0", self.mat)
        _, output = extractor.extract("out0", KEEP_PACKED)
        return output


class LibraryOperator:
    name = "ncnn"

    def prepare(self, case: OperatorCase) -> PreparedOperator:
        net = load_net(ncnn_files(case.model()), threads=1)
        if not isinstance(case.kernel, Convolution):
            return _Layer(net, ncnn.Mat(case.data), case.data)
        mat = ncnn.Mat(case.data[0])
        pack = next((pack for pack in PACKS if case.kernel.in_channels % pack == 0), 1)
        return _Layer(net, ncnn.convert_packing(mat, pack), case.data)
