"""What a template tells of its candidates: physical quantities under the same names for every template, computed for a whole batch.

In: the decisions of a batch, one array per parameter. Out: one array per quantity. Next: `tuner/cost_models/fixed_features.py`, which makes
columns of them that carry over between workloads.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]
"""Parameter name -> the choice of every candidate: whole numbers, truth values or words."""
Vector = NDArray[np.float64]
Quantities = dict[str, Vector]
"""Name, one of `QUANTITIES` -> its value for every candidate. What a template cannot tell is left out."""

QUANTITIES: Mapping[str, str] = {
    "accumulators": "vectors of the register tile",
    "registers": "vectors alive in the innermost body",
    "loads": "distinct operands of one reduction step of the register tile, vectors and broadcasts",
    "vector_loads": "those of them that are vectors",
    "waste": "multiply-adds done over those needed, for partial tiles",
    "lane_waste": "lanes computed over those needed, for the last vector of a row",
    "remainder": "elements of the partial tile over those of a whole one, along the axis where that is least; 1 without partial tiles",
    "unroll": "reduction steps of one unrolled body",
    "reduction": "reduction steps of one output element",
    "code_vectors": "vector multiply-adds that stand in the code, tails and versions included",
    "vector_steps": "vector multiply-adds of the whole kernel, waste included",
    "tiles": "register tiles that the output is cut into",
    "parallel_iterations": "iterations of the shared loop",
    "imbalance": "the largest share of a thread over the mean share",
    "serial_tiles": "register tiles of one parallel iteration",
    "tile_bytes": "what one register tile touches over its whole reduction",
    "iteration_bytes": "what one parallel iteration touches",
    "l1_bytes": "bytes that come into the first-level cache, over the whole kernel",
    "l2_bytes": "bytes that come into the second-level cache",
    "l3_bytes": "bytes that come into the last-level cache, or from memory where there is none",
    "source_bytes": "bytes of computed operands that are written before the reduction reads them, recomputed ones every time",
    "scratch_bytes": "bytes on the stack of a thread",
    "transform_steps": "vector operations beside the reduction: transforms, copies",
    "vector_axis_depth": "outer loops inside the one over the vector axis or the output channels",
    "at_root": "1 where operands are computed beforehand",
    "at_iteration": "1 where they are computed in each parallel iteration",
    "at_tile": "1 where they are computed for each register tile",
    "inlined": "1 where they are computed anew for every use",
    "bordered": "1 where tiles clear of the border have a version without guards",
    "packed": "share of the packable operands that are packed",
    "prefetch_bytes": "how far ahead constants are asked for",
    "skew": "1 where products lie one tile apart from multiples of a page",
    "local": "1 where the half-done output transform stands on the stack",
}
