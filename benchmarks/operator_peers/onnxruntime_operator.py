"""ONNX Runtime: a model of one node on bound buffers. Convolutions change from NCHW to its blocked layout and back inside each call."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import onnxruntime

from benchmarks.operator_case import DATA, OUTPUT, Array, OperatorCase
from benchmarks.operator_peers.operator_peer import PreparedOperator, mean_secs


@dataclass(frozen=True, slots=True)
class _Bound:
    session: Any
    binding: Any

    def run(self) -> Array:
        self.session.run_with_iobinding(self.binding)
        output: Array = self.binding.copy_outputs_to_cpu()[0]
        return output

    def time(self, calls: int) -> float:
        return mean_secs(partial(self.session.run_with_iobinding, self.binding), calls)


class LibraryOperator:
    name = "onnxruntime"

    def prepare(self, case: OperatorCase) -> PreparedOperator:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors alone
        session = onnxruntime.InferenceSession(case.model().SerializeToString(), options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        binding.bind_ortvalue_input(DATA, onnxruntime.OrtValue.ortvalue_from_numpy(case.data))
        shape = session.get_outputs()[0].shape
        binding.bind_ortvalue_output(OUTPUT, onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, case.data.dtype))
        return _Bound(session, binding)
