"""The quantities of the Winograd template for a whole batch: `WinogradPlan` over arrays, and the traffic of its matrix products.

In: a nest and one array of choices per parameter. Out: `Quantities`. Used by `winograd.py`.
"""

import numpy as np

from schedule_space.cache_traffic import Access, LoopLevel, bytes_into_caches, footprints
from schedule_space.quantities import Columns, Quantities, Vector
from schedule_space.winograd_plan import ELEMENT_BYTES, WinogradNest

MIN_CHAIN = 8  # accumulators that hide the latency of a multiply-add
TRANSFORM_OPERATIONS = 3.0  # of a vector, for each element of a tile


def describe_winograd(nest: WinogradNest, threads: int, columns: Columns) -> Quantities:
    """All quantities that the Winograd template knows."""
    target = nest.target
    chunk, tile, vectors, block, unroll, skew = (
        columns[name].astype(np.float64) for name in ("chunk", "tile", "vectors", "block", "unroll", "skew")
    )
    ones = np.ones(len(chunk))
    at_root, channels_outside = (columns["place"] == "root").astype(np.float64), columns["outer"] == "oc"
    chunks, blocks = np.ceil(nest.tiles / chunk), nest.out_blocks / block
    iterations = chunks * np.where(at_root > 0, blocks, 1.0)
    waste, copies, remainder = _tails(nest, chunk, tile, vectors)
    input_bytes, product_bytes = scratch_parts(nest, chunk, block, skew)
    accesses = _accesses(nest)
    levels = _levels(nest, columns, chunk, tile, vectors, block)
    touched = footprints(accesses, levels)
    l1, l2, l3 = bytes_into_caches(touched, levels, (target.l1_bytes, target.l2_bytes, target.l3_bytes), len(chunk))
    shared = vectors > 1 if target.vector_bits >= 512 else ones > 0
    tiles = nest.products * chunks * np.ceil(chunk / tile) * nest.out_blocks / vectors
    transformed = nest.in_channels / (nest.row_lanes if nest.plain else nest.lanes) + nest.out_blocks
    return {
        "accumulators": tile * vectors,
        "registers": tile * vectors + vectors + shared,
        "loads": tile + vectors,
        "vector_loads": vectors,
        "waste": waste,
        "lane_waste": ones,
        "remainder": remainder,
        "unroll": unroll,
        "reduction": float(nest.in_channels) * ones,
        "code_vectors": copies * unroll,
        "vector_steps": waste * float(nest.tiles * nest.products * nest.in_channels * nest.out_blocks),
        "tiles": tiles,
        "parallel_iterations": iterations,
        "imbalance": np.ceil(iterations / threads) * threads / iterations,
        "serial_tiles": tiles / iterations,
        "tile_bytes": np.asarray(sum(touched[0]), np.float64),
        "iteration_bytes": input_bytes + product_bytes,
        "l1_bytes": l1,
        "l2_bytes": l2,
        "l3_bytes": l3,
        "source_bytes": float(ELEMENT_BYTES * nest.products * nest.in_channels * nest.tiles) * ones,
        "scratch_bytes": product_bytes + np.where(at_root > 0, 0.0, input_bytes),
        "transform_steps": float(nest.tiles * nest.products * transformed * TRANSFORM_OPERATIONS) * ones,
        "vector_axis_depth": channels_outside.astype(np.float64) + (columns["order"] == "oc,p"),
        "at_root": at_root,
        "at_iteration": 1.0 - at_root,
        "prefetch_bytes": columns["prefetch"].astype(np.float64),
        "skew": skew,
        "local": (columns["columns"] == "local").astype(np.float64),
    }


def scratch_parts(nest: WinogradNest, chunk: Vector, block: Vector, skew: Vector) -> tuple[Vector, Vector]:
    """Bytes of the transformed input of one chunk, and of the products of one chunk and block."""
    element = ELEMENT_BYTES * nest.products * (chunk + skew)
    return element * nest.in_blocks * (1 if nest.plain else nest.lanes), element * block * nest.lanes


def _tails(nest: WinogradNest, chunk: Vector, tile: Vector, vectors: Vector) -> tuple[Vector, Vector, Vector]:
    """Waste, copies of the accumulators in the code, and the least share of a partial tile; as in `WinogradPlan`."""
    full_chunks, last = np.divmod(float(nest.tiles), chunk)
    done, bodies, remainder = np.zeros(len(chunk)), tile.copy(), np.ones(len(chunk))
    seen = np.zeros(len(chunk))
    for size, times in ((chunk, full_chunks), (last, (last > 0).astype(np.float64))):
        full, rest = np.divmod(size, tile)
        least = np.where(rest > 0, np.maximum(rest, np.minimum(tile, np.ceil(MIN_CHAIN / vectors))), 0.0)
        done += times * (full * tile + least)
        bodies += np.where((times > 0) & (rest != seen), rest, 0.0)
        remainder = np.where((times > 0) & (rest > 0), np.minimum(remainder, rest / tile), remainder)
        seen = rest
    return done / nest.tiles, bodies * vectors * np.where(last > 0, 2.0, 1.0), remainder


def _accesses(nest: WinogradNest) -> tuple[Access, ...]:
    """The transformed input, the transformed weights and the products, by the variables u (both of a tile's axes), p, oc and ic."""
    u, p = (nest.products, (("u", 1),)), (nest.tiles, (("p", 1),))
    oc, ic = (nest.out_blocks * nest.lanes, (("oc", 1),)), (nest.in_channels, (("ic", 1),))
    return (
        Access("input", ELEMENT_BYTES, (u, ic, p)),
        Access("weight", nest.weight_bytes, (u, ic, oc)),
        Access("product", ELEMENT_BYTES, (u, oc, p)),
    )


def _levels(nest: WinogradNest, columns: Columns, chunk: Vector, tile: Vector, vectors: Vector, block: Vector) -> list[LoopLevel]:
    """A register tile; with the inner loop of its product; the product; those of all elements; with the inner of the outer loops; all."""
    ones = np.ones(len(chunk))
    wide, all_tiles, all_channels = block * nest.lanes, nest.tiles * ones, nest.out_blocks * nest.lanes * ones
    p_inside, p_outside = columns["order"] == "oc,p", columns["outer"] == "p"
    sizes = (
        (ones, tile, vectors * nest.lanes),
        (ones, np.where(p_inside, chunk, tile), np.where(p_inside, vectors * nest.lanes, wide)),
        (ones, chunk, wide),
        (nest.products * ones, chunk, wide),
        (nest.products * ones, np.where(p_outside, chunk, all_tiles), np.where(p_outside, all_channels, wide)),
        (nest.products * ones, all_tiles, all_channels),
    )
    return [
        LoopLevel(
            {"u": u, "p": p, "oc": oc, "ic": nest.in_channels * ones},
            np.ceil(nest.products / u) * np.ceil(all_tiles / p) * np.ceil(all_channels / oc),
        )
        for u, p, oc in sizes
    ]
