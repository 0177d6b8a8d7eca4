"""ONNX frontend: axes as ONNX writes them (negative ones count from the end) -> axes as the graph's operators want them."""

from collections.abc import Iterable

from compiler.errors import ShapeError


def normalize_axis(axis: int, rank: int) -> int:
    """An axis in [0, rank)."""
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is not in [{-rank}, {rank - 1}]")
    return axis % rank


def normalize_axes(axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """Different axes, in the order given."""
    normal = tuple(normalize_axis(axis, rank) for axis in axes)
    if len(set(normal)) != len(normal):
        raise ShapeError(f"axes {normal} name an axis twice")
    return normal
