"""The libraries that Tilewright is compared with, behind one interface; one file each.

A peer is imported only when it is asked for, so none has to be installed. Used by `tilewright bench` and by the benchmarks.
"""

from tilewright.peers.peer import Arrays, MissingPeer, Peer, PeerError, Prepared, time_calls
from tilewright.peers.plain_graph import PlainGraph, PlainNode, plain_graph
from tilewright.peers.registry import PEERS, PeerEntry, load_peer

__all__ = [
    "PEERS",
    "Arrays",
    "MissingPeer",
    "Peer",
    "PeerEntry",
    "PeerError",
    "PlainGraph",
    "PlainNode",
    "Prepared",
    "load_peer",
    "plain_graph",
    "time_calls",
]
