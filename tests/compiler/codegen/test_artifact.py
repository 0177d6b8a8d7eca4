"""The byte form of a compiled kernel."""

import numpy as np
import pytest

from compiler.codegen import Artifact
from compiler.errors import CodegenError
from compiler.lower import Param, ParamRole
from compiler.te import Buffer, placeholder

ARTIFACT = Artifact(
    object_code=bytes(range(256)),
    symbol="conv",
    params=(Param(Buffer("x", (2, 3)), ParamRole.ARGUMENT, 0), Param(Buffer("flag", (1,), np.dtype(bool)), ParamRole.OUTPUT, 1)),
    pack_symbol="conv_pack",
    pack_params=(Param(Buffer("w", (4,), np.dtype(np.int64)), ParamRole.PACKED, 2),),
    target="llvm -mcpu=cortex-a53",
    facts=(("spills", 3), ("codegen_secs", 0.25)),
)


def test_round_trip() -> None:
    assert Artifact.from_bytes(ARTIFACT.to_bytes()) == ARTIFACT


def test_tensors_become_plain_buffers() -> None:
    artifact = Artifact(b"", "f", (Param(placeholder((2,), "x"), ParamRole.ARGUMENT, 0),))
    assert Artifact.from_bytes(artifact.to_bytes()).params == (Param(Buffer("x", (2,)), ParamRole.ARGUMENT, 0),)


@pytest.mark.parametrize("cut", [0, 5, 16, 40])
def test_truncated(cut: int) -> None:
    with pytest.raises(CodegenError, match="damaged"):
        Artifact.from_bytes(ARTIFACT.to_bytes()[:cut])


def test_something_else() -> None:
    with pytest.raises(CodegenError, match="expected b'TWKERNEL'"):
        Artifact.from_bytes(b"\x7fELF" + bytes(60))
