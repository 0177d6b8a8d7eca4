"""Sizes as people write them on a command line."""

import argparse
import re

_SIZE = re.compile(r"(\d+)([KMG]?)")


def parse_size(text: str) -> int:
    """Bytes.

    >>> parse_size("400M"), parse_size("2g")
    (419430400, 2147483648)
    """
    found = _SIZE.fullmatch(text.strip().upper())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 400M or 2G")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2]]
