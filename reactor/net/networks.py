"""Networks of clients, for the setting `block`. Loaded where one is given: `ipaddress` takes its time to import."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ..hints import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(name: str, value: Any) -> tuple[Network, ...]:
    """Raises TypeError and ValueError for what is no list of networks."""
    expected = f"{name} must be a list of networks like '10.0.0.0/8'"
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{expected}, not {value!r}")
    return tuple(_network(expected, entry) for entry in value)


def _network(expected: str, entry: Any) -> Network:
    if isinstance(entry, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return _unmapped(entry)
    if not isinstance(entry, str):  # ip_network takes numbers and bytes too, and means something else by them
        raise TypeError(f"{expected}: {entry!r} is no text")
    try:
        return _unmapped(ipaddress.ip_network(entry))
    except ValueError as error:
        raise ValueError(f"{expected}: {error}") from None


def _unmapped(network: Network) -> Network:
    """IPv4 in the clothes of IPv6 (::ffff:0:0/96) is IPv4: so are the clients that are compared with it."""
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def contain(networks: tuple[Network, ...], host: str) -> bool:
    """Is this address in one of them?"""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
