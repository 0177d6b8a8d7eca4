"""Addresses: `HOST:PORT`, and which of them may be used without TLS."""

import ipaddress
from dataclasses import dataclass

from fleet.errors import FleetError
from fleet.messages import DEFAULT_PORT
from fleet.tls import TlsBundle


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @staticmethod
    def parse(text: str) -> "Address":
        """`HOST`, `HOST:PORT` or `[IPV6]:PORT`; raises `FleetError`.

        >>> Address.parse("farm.local"), Address.parse("[::1]:9000")
        (Address(host='farm.local', port=9190), Address(host='::1', port=9000))
        """
        host, colon, port = text.rpartition(":")
        if not colon or text.endswith("]") or (":" in host and not host.startswith("[")):
            host, port = text, str(DEFAULT_PORT)
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 <= int(port) < 1 << 16:
            raise FleetError(f"{text!r} is not of the form HOST:PORT, for example 192.168.1.10:{DEFAULT_PORT}")
        return Address(host, int(port))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerPlace:
    """Where a tracker is and how it is talked to. silence_secs: of a tracker that counts as gone."""

    address: Address
    bundle: TlsBundle | None = None
    insecure: bool = False
    silence_secs: float = 15.0


def check_exposure(host: str, bundle: TlsBundle | None, insecure: bool) -> None:
    """Without TLS only this machine may be reached, unless that is wanted; raises `FleetError`."""
    if bundle is None and not insecure and not is_loopback(host):
        raise FleetError(
            f"{host} is beyond this machine, and without TLS anybody on the way could run code: give --tls FILE"
            " (made by `tilewright farm issue`), or say --insecure"
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
