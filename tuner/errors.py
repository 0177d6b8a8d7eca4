"""What a caller of the tuner can be told."""

from compiler.errors import TilewrightError


class PriorError(TilewrightError):
    """A stored cost model cannot be read, is of another version, or there is nothing to train one from."""
