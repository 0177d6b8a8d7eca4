"""The peers by name, with the command that installs each."""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.peers.mxnet_peer import MXNetPeer
from tilewright import peers
from tilewright.peers import MissingPeer, Peer, PeerEntry

MXNET = PeerEntry("benchmarks.peers.mxnet_peer", "see the head of benchmarks/peers/mxnet_peer.py, then pass --mxnet-python")
ORDER = ("onnxruntime", "openvino", "torch", "mxnet", "ncnn", "mnn")
PEERS: Mapping[str, PeerEntry] = MappingProxyType({name: MXNET if name == "mxnet" else peers.PEERS[name] for name in ORDER})


def load_peer(name: str, mxnet_python: str | None = None) -> Peer:
    """`MissingPeer` where the library is not installed; `KeyError` lists the known names."""
    if name not in PEERS:
        raise KeyError(f"unknown peer {name!r}; known: {', '.join(PEERS)}")
    if name != "mxnet":
        return peers.load_peer(name)
    if mxnet_python is None:
        raise MissingPeer(f"{name} needs an environment of its own: {MXNET.install}")
    return MXNetPeer(mxnet_python)
