"""What code generation hands to the builder, the cache and the linker: object code with the names and parameters of its functions."""

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.errors import CodegenError
from compiler.lower import Param, ParamRole
from compiler.te import Buffer

ARTIFACT_FORMAT = 1
_MAGIC = b"TWKERNEL"
_PREFIX = struct.Struct("<8sII")  # magic, format, bytes of the JSON header

Fact = tuple[str, int | float | str]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled workload.

    symbol: `void symbol(void **params, tw_pool *pool)`, its pointers as in `params`. pack_symbol: the same for `pack_params`, "" if nothing
    is packed. The object may need `tw_parallel_for` and libm when it is linked. target: the text of the target that it was made for.
    facts: "spills" (vector registers spilled or reloaded inside the innermost loops), "code_bytes", "codegen_secs".
    """

    object_code: bytes
    symbol: str
    params: tuple[Param, ...]
    pack_symbol: str = ""
    pack_params: tuple[Param, ...] = ()
    target: str = ""
    facts: tuple[Fact, ...] = ()

    def to_bytes(self) -> bytes:
        """A prefix (magic, format, header length), a JSON header, the object code."""
        header = {
            "symbol": self.symbol,
            "params": [_param_to_json(param) for param in self.params],
            "pack_symbol": self.pack_symbol,
            "pack_params": [_param_to_json(param) for param in self.pack_params],
            "target": self.target,
            "facts": self.facts,
        }
        text = json.dumps(header, separators=(",", ":")).encode()
        return _PREFIX.pack(_MAGIC, ARTIFACT_FORMAT, len(text)) + text + self.object_code

    @staticmethod
    def from_bytes(data: bytes) -> "Artifact":
        """The inverse of `to_bytes`; raises `CodegenError` for anything else."""
        try:
            magic, version, length = _PREFIX.unpack_from(data)
            if magic != _MAGIC or version != ARTIFACT_FORMAT:
                raise CodegenError(f"compiled kernel starts with {magic!r} format {version}, expected {_MAGIC!r} format {ARTIFACT_FORMAT}")
            start = _PREFIX.size + length
            header = json.loads(data[_PREFIX.size : start])
        except (struct.error, ValueError) as error:
            raise CodegenError(f"compiled kernel of {len(data)} bytes is damaged: {error}") from error
        return Artifact(
            object_code=bytes(data[start:]),
            symbol=header["symbol"],
            params=tuple(_param_from_json(param) for param in header["params"]),
            pack_symbol=header["pack_symbol"],
            pack_params=tuple(_param_from_json(param) for param in header["pack_params"]),
            target=header["target"],
            facts=tuple((name, value) for name, value in header["facts"]),
        )


def _param_to_json(param: Param) -> list[Any]:
    buffer = param.buffer
    return [param.role.value, param.index, buffer.name, list(buffer.shape), buffer.dtype.name, buffer.scope]


def _param_from_json(data: list[Any]) -> Param:
    role, index, name, shape, dtype, scope = data
    return Param(Buffer(name, tuple(shape), np.dtype(dtype), scope), ParamRole(role), index)
