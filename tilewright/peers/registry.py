"""The peers by name, with the command that installs each."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tilewright.peers.peer import MissingPeer, Peer


@dataclass(frozen=True, slots=True)
class PeerEntry:
    """module: has a class `LibraryPeer`; install: what to type where the library is missing."""

    module: str
    install: str


PEERS: Mapping[str, PeerEntry] = MappingProxyType(
    {
        "onnxruntime": PeerEntry("tilewright.peers.onnxruntime_peer", "pip install onnxruntime"),
        "openvino": PeerEntry("tilewright.peers.openvino_peer", "pip install openvino"),
        "torch": PeerEntry("tilewright.peers.torch_peer", "pip install torch --index-url https://download.pytorch.org/whl/cpu"),
        "ncnn": PeerEntry("tilewright.peers.ncnn_peer", "pip install ncnn pnnx"),
        "mnn": PeerEntry("tilewright.peers.mnn_peer", "pip install MNN"),
    }
)


def load_peer(name: str) -> Peer:
    """`MissingPeer` where the library is not installed; `KeyError` lists the known names."""
    if name not in PEERS:
        raise KeyError(f"unknown peer {name!r}; known: {', '.join(PEERS)}")
    entry = PEERS[name]
    try:
        module = importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        raise MissingPeer(f"{name} is not installed: {entry.install}") from error
    peer: Peer = module.LibraryPeer()
    return peer
