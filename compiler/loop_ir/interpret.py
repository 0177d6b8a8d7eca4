"""The interpreter of the loop IR, the oracle of the tests: `LoopFunc` and arrays in, the same arrays filled.

It runs a function at any stage, from the naive nest to the lowered one, by translating it to Python source once. The source is made in
`translate.py`, the scalar functions that it calls stand in `scalar_functions.py`.

What a result means
    floats are computed in float64 and rounded to the buffer's dtype at each store, so a reduction accumulates in that dtype; a sum of
    n float32 terms is off by at most n * 6e-8 of the sum of their magnitudes; 1e-5 of the output's largest magnitude is a fair tolerance
    every access is checked: out of bounds is a `VerifyError` with the buffer, the index and the shape
    a `Select` evaluates the arm that it takes and nothing else
    allocated memory starts as NaN (the smallest integer, True), anew each time that its `Allocate` is entered
    all loops run in order, whatever their kind
    an `Update` sets its element to the identity where all reduce loops between the buffer's `Allocate` and it are at their start
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import InputError
from compiler.loop_ir.nodes import LoopFunc
from compiler.loop_ir.translate import translate

Arrays = Sequence[NDArray[Any]]


def interpret(func: LoopFunc, arrays: Arrays) -> None:
    """Runs `func` in place on one C-contiguous array per parameter."""
    interpreter(func)(arrays)


def interpreter(func: LoopFunc) -> Callable[[Arrays], None]:
    """`interpret` with `func` translated already, for those who run it more than once."""
    run = translate(func)

    def call(arrays: Arrays) -> None:
        if len(arrays) != len(func.params):
            raise InputError(f"{func.name} has {len(func.params)} parameters, {len(arrays)} arrays were given")
        for buffer, array in zip(func.params, arrays, strict=True):
            if array.shape != buffer.shape or array.dtype != buffer.dtype:
                raise InputError(
                    f"{func.name}: {buffer.name} is {buffer.dtype}{list(buffer.shape)}, given {array.dtype}{list(array.shape)}"
                )
            if not array.flags.c_contiguous:
                raise InputError(f"{func.name}: the array for {buffer.name} is not C-contiguous")
        with np.errstate(all="ignore"):
            run(*(array.reshape(-1).data for array in arrays))

    return call
