"""Addresses as users see them: (host, port) for both IP families, a path for a Unix socket."""

from __future__ import annotations

import os
import socket

from ...foreign import plain
from ...hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Protocol

    class Named(Protocol):
        """Anything that knows where it is."""

        def getsockname(self) -> Any: ...


#: (host, port) for both IP families, a path for Unix sockets.
Address = tuple[str, int] | str


def address_of(raw: Any) -> Address:
    """What users see for an address as the socket module gives it."""
    return host_and_port(raw) if isinstance(raw, tuple) else os.fsdecode(raw or "")


def host_and_port(raw: Any) -> tuple[str, int]:
    """The same for one of the IP families; an IPv6 address that needs its interface names it."""
    host, port = raw[0], raw[1]
    scoped = len(raw) == 4 and raw[3] and "%" not in host
    return (f"{host}%{raw[3]}" if scoped else host, port)


def literal_family(host: str) -> int | None:
    """The family of a literal IP address; None for a name."""
    import ipaddress  # here: it takes long to import, and only clients need it

    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return socket.AF_INET if version == 4 else socket.AF_INET6


def local_address(sock: Named) -> Address:
    """Where this end is; an empty path where the kernel does not say."""
    try:
        return address_of(sock.getsockname())
    except OSError:
        return ""


def remote_address(sock: socket.SocketType) -> Address | None:
    """Where the other end is; None if it has gone already (closing.md, fact 12)."""
    try:
        return address_of(sock.getpeername())
    except OSError:
        return None


def show(address: Address) -> str:
    """An address as text on one line: 127.0.0.1:80, [::1]:80, a path, @name for an abstract one, or unix for none."""
    if isinstance(address, str):
        return plain(address.replace("\0", "@") or "unix")  # a peer chooses its name, and may put a newline in it
    host, port = address
    return f"[{plain(host)}]:{port}" if ":" in host else f"{plain(host)}:{port}"
