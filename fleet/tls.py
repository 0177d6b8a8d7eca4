"""Mutual TLS 1.3 with roles. In: a bundle file, as `tilewright farm issue` writes it. Out: contexts for sockets, and the role of a peer.

A certificate says by its organizational unit what its owner may be; the tracker checks that of clients, devices and builders. Who may be
tracker is decided within the handshake: only a tracker's certificate has the extended key usage of a server, and it lacks that of a client.
"""

import re
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from fleet.errors import TlsError

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\n.+?\n-----END \1-----\n?", re.DOTALL)


class Role(StrEnum):
    TRACKER = "tracker"
    DEVICE = "device"
    CLIENT = "client"
    BUILDER = "builder"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a connection belongs to, by its certificate. serial: of the certificate."""

    role: str
    name: str
    serial: int


@dataclass(frozen=True, slots=True)
class TlsBundle:
    """path: holds certificate, key and authority. authority: PEM text of the only certificate that is trusted."""

    path: Path
    authority: str

    @staticmethod
    def read(path: Path) -> "TlsBundle":
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise TlsError(f"cannot read the TLS bundle {path}: {error}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise TlsError(f"{path} holds a private key and other users may read it; run: chmod 600 {path}")
        blocks = [(match[1], match[0]) for match in _BLOCK.finditer(text)]
        certificates = [block for kind, block in blocks if kind == "CERTIFICATE"]
        if len(certificates) != 2 or len(blocks) != 3:
            kinds = ", ".join(kind for kind, _ in blocks) or "nothing of the kind"
            raise TlsError(f"{path} is no TLS bundle: a certificate, a key and an authority were expected, found {kinds}")
        return TlsBundle(path, certificates[1])

    def server_context(self) -> ssl.SSLContext:
        return self._context(ssl.Purpose.CLIENT_AUTH)

    def client_context(self) -> ssl.SSLContext:
        return self._context(ssl.Purpose.SERVER_AUTH)

    def _context(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(purpose, cadata=self.authority)
            context.load_cert_chain(self.path)
        except (OSError, ValueError) as error:
            raise TlsError(f"{self.path} cannot be used: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # boards have changing addresses; the role stands for the name
        context.verify_mode = ssl.CERT_REQUIRED
        return context


def identity_of(certificate: Mapping[str, Any]) -> Identity:
    """The role and the name in a certificate, as `SSLSocket.getpeercert` gives it; the handshake has checked it."""
    subject = {name: value for part in certificate.get("subject", ()) for name, value in part}
    serial = int(certificate.get("serialNumber", "0"), 16)
    return Identity(str(subject.get("organizationalUnitName", "")), str(subject.get("commonName", "")), serial)
