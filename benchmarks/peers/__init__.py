"""The libraries that Tilewright is compared with, behind one interface; one file each.

A peer is imported only when it is asked for, so none has to be installed.
"""

from benchmarks.peers.peer import Arrays, MissingPeer, Peer, Prepared, time_calls
from benchmarks.peers.registry import PEERS, load_peer

__all__ = ["PEERS", "Arrays", "MissingPeer", "Peer", "Prepared", "load_peer", "time_calls"]
