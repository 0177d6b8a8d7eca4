"""The type of every tensor that crosses a folder boundary: a static shape and a numpy dtype."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

FLOAT32 = np.dtype(np.float32)
INT32 = np.dtype(np.int32)
INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape (outermost axis first, every extent known) and element type."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any] = FLOAT32

    @property
    def element_count(self) -> int:
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.element_count * self.dtype.itemsize

    def to_json(self) -> list[Any]:
        """`[[1, 3, 224, 224], "float32"]`."""
        return [list(self.shape), self.dtype.name]

    @staticmethod
    def from_json(data: Sequence[Any]) -> "TensorType":
        shape, dtype = data
        return TensorType(tuple(int(extent) for extent in shape), np.dtype(dtype))

    def __str__(self) -> str:
        return f"{self.dtype.name}[{', '.join(map(str, self.shape))}]"
