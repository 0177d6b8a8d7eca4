"""The libraries that Tilewright is compared with: those of `tilewright.peers`, MXNet besides, and Tilewright itself.

A peer is imported only when it is asked for, so none has to be installed.
"""

from benchmarks.peers.registry import PEERS, load_peer

__all__ = ["PEERS", "load_peer"]
