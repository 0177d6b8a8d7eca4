"""Single operators in other libraries and in Tilewright, on one thread, ready to be timed against each other.

A library is imported only when it is asked for, so none has to be installed.
"""

from benchmarks.operator_peers.operator_peer import OperatorPeer, PreparedOperator
from benchmarks.operator_peers.registry import OPERATOR_PEERS, load_operator_peer

__all__ = ["OPERATOR_PEERS", "OperatorPeer", "PreparedOperator", "load_operator_peer"]
