"""The libraries that single operators are compared with, by name."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.operator_peers.operator_peer import OperatorPeer
from tilewright.peers import PEERS, MissingPeer

OPERATOR_PEERS: Mapping[str, str] = MappingProxyType(
    {name: f"benchmarks.operator_peers.{name}_operator" for name in ("torch", "onnxruntime", "ncnn")}
)


def load_operator_peer(name: str) -> OperatorPeer:
    """`MissingPeer` where the library is not installed; `KeyError` lists the known names."""
    if name not in OPERATOR_PEERS:
        raise KeyError(f"unknown library {name!r}; known: {', '.join(OPERATOR_PEERS)}")
    try:
        module = importlib.import_module(OPERATOR_PEERS[name])
    except ModuleNotFoundError as error:
        raise MissingPeer(f"{name} is not installed: {PEERS[name].install}") from error
    peer: OperatorPeer = module.LibraryOperator()
    return peer
