"""Where clients come from: networks, and what counts as one client. Pure: addresses are text.

IPv4 in the clothes of IPv6 (::ffff:0:0/96) is IPv4 everywhere here. Who comes by a Unix socket comes from nowhere, and
is in no network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ...foreign import shown
from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from .addresses import Address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Bits of an IPv6 address that tell clients apart: a subscriber is given a whole /64 (RFC 7421), and may come from each
# address of it. OpenSSH counts by a netblock too (PerSourceNetBlockSize).
SUBSCRIBER = 64


def check_networks(name: str, value: Any) -> tuple[Network, ...]:
    """None is no network. Raises TypeError and ValueError for what is no list of networks."""
    if value is None:
        return ()
    expected = f"{name} must be a list of networks like '10.0.0.0/8'"
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{expected}, not {shown(value)}")
    return tuple(_network(expected, entry) for entry in value)


def _network(expected: str, entry: Any) -> Network:
    if isinstance(entry, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return _unmapped(entry)
    if not isinstance(entry, str):  # ip_network takes numbers and bytes too, and means something else by them
        raise TypeError(f"{expected}: {shown(entry)} is no text")
    try:
        return _unmapped(ipaddress.ip_network(entry))
    except ValueError as error:
        raise ValueError(f"{expected}: {error}") from None


def _unmapped(network: Network) -> Network:
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - 96))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def within(networks: tuple[Network, ...], remote: Address) -> bool:
    """True if this client is in one of them."""
    if not networks or isinstance(remote, str):
        return False
    address = _address(remote[0])
    return any(address in network for network in networks)


def client_of(remote: Address) -> str | int | None:
    """What is the same for all connections of one client: the address, of IPv6 its first 64 bits; None where there is
    none.
    """
    if isinstance(remote, str):
        return None
    if ":" not in remote[0]:
        return remote[0]
    address = _address(remote[0])
    return str(address) if address.version == 4 else int(address) >> (128 - SUBSCRIBER)
