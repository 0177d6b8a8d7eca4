"""What stops a measurement session altogether, in contrast to a candidate that fails, which is a `Measurement` with its status."""

from compiler.errors import TilewrightError


class MeasureError(TilewrightError):
    """The machinery of measuring cannot work here: a server process does not start, or a workload has no reference."""
