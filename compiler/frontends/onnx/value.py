"""A value while a model is converted: its name in the graph to be, its type, and its contents where they are known already."""

from dataclasses import dataclass

import numpy as np

from compiler.ops import Array
from compiler.tensor_type import TensorType


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """constant: the contents when they do not depend on the model's inputs; shapes, slice starts and the like must have them."""

    name: str
    type: TensorType
    constant: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def rank(self) -> int:
        return len(self.type.shape)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.type.dtype
