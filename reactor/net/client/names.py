"""From a host and a port to the addresses that a client tries, in order.

A name is resolved by getaddrinfo(3), which sorts its addresses by RFC 6724, or by the program's own function.
getaddrinfo(3) may block, so it runs in a thread. A literal address is resolved on the loop's thread: that asks no
server. The two families then take turns, beginning with that of the first address (RFC 8305, section 4), so a family
that does not work costs one attempt and not all of them.
"""

from __future__ import annotations

import errno
import ipaddress  # noqa: F401 - for `addresses`, which loads it late for the sake of servers
import itertools
import socket

from ...foreign import shown
from ...hints import TYPE_CHECKING, Any, NamedTuple
from ..sockets import addresses, kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

# What a client needs is loaded with this module: when the first one connects, there may be no descriptor to load with.
"".encode("idna")  # getaddrinfo needs this codec


class Target(NamedTuple):
    """One address that a client can try."""

    family: int
    sockaddr: Any  # as connect(2) wants it
    host: str  # the address as text; a path for Unix sockets
    port: int

    @property
    def address(self) -> addresses.Address:
        """(host, port), or the path of a Unix socket."""
        return self.host if self.family == getattr(socket, "AF_UNIX", None) else (self.host, self.port)


def resolve(host: str, port: int, family: int, flags: int = 0) -> list[Target]:
    """The addresses that getaddrinfo(3) finds, in the order in which to try them; at least one. May block.

    Raises OSError, with the text that Node gives: `getaddrinfo ENOTFOUND name`.
    """
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    except (socket.gaierror, UnicodeError) as error:
        # The getaddrinfo(3) of glibc says that a name is unknown also if it could open no file.
        missing = kernel.no_descriptor() if isinstance(error, socket.gaierror) else None
        raise kernel.name_error(host, missing or error) from None
    return _in_order(
        host,
        (
            Target(kind, sockaddr, *addresses.host_and_port(sockaddr))
            for kind, _, _, _, sockaddr in found
            if kind in (socket.AF_INET, socket.AF_INET6)
        ),
    )


def resolve_literal(host: str, port: int) -> list[Target]:
    """The one target of a literal address. Asks no server and never blocks. Raises OSError for an unknown scope."""
    return resolve(host, port, socket.AF_UNSPEC, socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)


def local_end(local: tuple[str | None, int], target: Target) -> tuple[addresses.Address, Any]:
    """The local address from which to connect to `target`, and the same as bind(2) wants it. An address of IPv6 that
    needs its interface has it from its scope, else from that of the target. Raises OSError for another family, and for
    a scope that is no interface.
    """
    six = target.family == socket.AF_INET6
    host, port = local[0] or ("::" if six else "0.0.0.0"), local[1]
    if addresses.literal_family(host) != target.family:
        raise kernel.os_error(errno.EAFNOSUPPORT, "bind", (host, port))
    try:
        raw = resolve_literal(host, port)[0].sockaddr
    except OSError:
        raise kernel.os_error(errno.EADDRNOTAVAIL, "bind", (host, port)) from None
    if six and not raw[3]:
        raw = (*raw[:3], target.sockaddr[3])
    return (host, port), raw


def answered(host: str, port: int, family: int, listed: Iterable[str]) -> list[Target]:
    """The addresses that the program's own lookup found, in the order in which to try them; at least one.

    Raises ValueError for what is no IP address, OSError if none is of `family`.
    """
    found: list[Target] = []
    for address in listed:
        kind = addresses.literal_family(address) if isinstance(address, str) else None
        if kind is None:
            raise ValueError(f"the lookup of {shown(host)} must answer with IP addresses, not {shown(address)}")
        if family in (socket.AF_UNSPEC, kind):
            found += resolve_literal(address, port)
    return _in_order(host, found)


def failure(host: str, error: BaseException) -> OSError:
    """The error of one client whose name could not be resolved. Several may have asked in one question: each gets an
    object of its own, since a program may raise it.
    """
    if not (isinstance(error, OSError) and "syscall" in vars(error)):
        return kernel.name_error(host, error)
    twin = type(error)(error.errno, error.strerror)
    vars(twin).update(vars(error))
    return twin


def _in_order(host: str, found: Iterable[Target]) -> list[Target]:
    """The targets in the order in which to try them. Raises OSError if there are none."""
    targets = interleave(found)
    if not targets:
        raise kernel.name_error(host, socket.gaierror(socket.EAI_NONAME, "no address"))
    return targets


def interleave(targets: Iterable[Target]) -> list[Target]:
    """Each target once, the families in turn. Within a family the order stays."""
    families: dict[int, list[Target]] = {}
    for target in dict.fromkeys(targets):
        families.setdefault(target.family, []).append(target)
    return [target for turn in itertools.zip_longest(*families.values()) for target in turn if target is not None]
