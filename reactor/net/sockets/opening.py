"""Sockets that are opened: to connect, to listen, or accepted.

What the kernel refuses is raised as the OSError that it is.

A name may have several addresses, `localhost` for one. A server listens on each of them, on one port: a client tries
them in an order of its own, and "connection refused" at the second is a server that is there for some clients only.
What others do, as of autumn 2026: asyncio listens on each, with port 0 on a port of its own for each; Tornado on each,
on one port; nginx on each; Node and Go on one, the first or the first of IPv4.
"""

from __future__ import annotations

import errno
import os
import socket
import sys

from ...hints import TYPE_CHECKING, Any
from ...log import log
from .kernel import connect_error, name_error, os_error
from .options import set_option
from .sock import StreamSocket, UnixStreamSocket

if TYPE_CHECKING:
    from .addresses import Address
    from .sock import Sock

_UNIX = getattr(socket, "AF_UNIX", None)  # Python on Windows has none
PORT_TRIES = 16  # how often a port is looked for that is free at each address of a name
_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24 if sys.platform == "linux" else None)  # from 3.12
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EINTR, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)})


def stream_socket(system: Any, family: int) -> socket.socket:
    """A new one, of the operating system, or of the one that is simulated (`Poller.system`)."""
    made: socket.socket = (system or socket).socket(family, socket.SOCK_STREAM)
    return made


def connected_socket(sock: Any) -> Sock:
    """A socket as a connection needs it: one of the system without its layers in Python; a double as it is."""
    if type(sock) is not socket.socket:
        made: Sock = sock
        return made
    return (UnixStreamSocket if sock.family == _UNIX else StreamSocket)(
        int(sock.family), int(sock.type), 0, sock.detach()
    )


# To connect.


def socket_to_connect(system: Any, family: int, address: Address) -> socket.socket:
    """A new non-blocking one, to connect to `address`. Raises OSError, its text naming syscall, code and address."""
    try:
        sock = stream_socket(system, family)
    except OSError as error:
        raise os_error(error.errno or errno.EIO, "socket", address) from None
    sock.setblocking(False)
    return sock


def bind_local(sock: socket.socket, raw: Any, address: Address) -> None:
    """Let it connect from `raw`, whose text is `address`. Raises OSError as `socket_to_connect`.

    Where no port is asked for, the kernel chooses one only when it connects: then it knows the peer, and connections to
    different peers may have the same local port. Otherwise a port would be taken by each, and 28,000 connections from
    one address would be all (ip(7), IP_BIND_ADDRESS_NO_PORT).
    """
    if not raw[1] and _BIND_ADDRESS_NO_PORT is not None:
        set_option(sock, socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    try:
        _reuse_address(sock)
        sock.bind(raw)
    except OSError as error:
        raise os_error(error.errno or errno.EIO, "bind", address) from None


def start_connect(sock: socket.socket, raw: Any, address: Address, local: Address | None) -> bool:
    """Connect to `raw`: True if it is under way, and the socket is writable once that is decided. False: a Unix socket
    whose backlog is full, which has to be asked again; no event tells when there is room (connect(2), EAGAIN).

    Raises the OSError of what the kernel refuses at once, which names `address`, and `local` if that is given.
    """
    try:
        code = sock.connect_ex(raw)
    except OSError as error:
        code = error.errno or errno.EIO
    if code == errno.EAGAIN and sock.family == _UNIX:
        return False
    if code and code not in _UNDER_WAY:
        raise connect_error(code, address, local)
    return True


def _reuse_address(sock: socket.socket) -> None:
    """A port of ours in TIME_WAIT may be bound again."""
    if os.name == "posix":  # on Windows this option means to steal the port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


# To listen.


def listen_tcp(
    system: Any, host: str | None, port: int, backlog: int, *, reuse_port: bool = False, ipv6_only: bool = False
) -> list[socket.socket]:
    """Listening TCP sockets, one for each address of `host`, all on one port. `host` None is both families by one
    socket, or IPv4 where there is no IPv6.

    An address of a name that this machine does not have is left out, as long as there is another: `localhost` often
    names ::1 where IPv6 is switched off. Raises the OSError of what the kernel refused, its text naming syscall, code
    and address.
    """
    found = _listen_addresses(host, port)
    several = len(found) > 1
    named = [(family, raw, (raw[0] if several or host is None else host, port)) for family, raw in found]
    tries = PORT_TRIES if several and not port else 1
    while True:
        tries -= 1
        try:
            return _listen_on_all(system, named, backlog, reuse_port, ipv6_only or several)
        except OSError as error:  # a port that was free at the first address may be taken at the next
            if error.errno != errno.EADDRINUSE or not tries:
                raise


def _listen_on_all(
    system: Any, named: list[tuple[int, Any, tuple[str, int]]], backlog: int, reuse_port: bool, ipv6_only: bool
) -> list[socket.socket]:
    made: list[socket.socket] = []
    missing: list[OSError] = []
    try:
        for family, raw, address in named:
            port = made[0].getsockname()[1] if made else raw[1]
            try:
                made.append(_listen(system, family, (raw[0], port, *raw[2:]), backlog, reuse_port, ipv6_only))
            except OSError as error:
                refused = os_error(error.errno or errno.EIO, "listen", address)
                if refused.errno not in _NOT_HERE:
                    raise refused from None
                missing.append(refused)
        if not made:
            raise missing[0]
    except BaseException:
        for sock in made:
            sock.close()
        raise
    for refused in missing:
        log.info("%s: left out", refused.strerror)
    return made


def _listen(system: Any, family: int, raw: Any, backlog: int, reuse_port: bool, ipv6_only: bool) -> socket.socket:
    sock = stream_socket(system, family)
    try:
        sock.setblocking(False)
        _reuse_address(sock)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6_only))
        sock.bind(raw)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _listen_addresses(host: str | None, port: int) -> list[tuple[int, Any]]:
    """Family and socket address of each, once, in the order in which they were found; at least one."""
    if host is None:
        both = socket.has_dualstack_ipv6()
        return [(socket.AF_INET6, ("::", port)) if both else (socket.AF_INET, ("0.0.0.0", port))]
    # As bytes if it is plain ASCII with labels that a name can have: text takes the codec `idna`, which would give the
    # same, and takes as long to load as half of this library.
    plain = host.isascii() and all(0 < len(label) < 64 for label in host.split("."))
    name = host.encode() if plain else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise name_error(host, error) from None
    return list(dict.fromkeys((family, raw) for family, _, _, _, raw in found))


# Accepted.


def accept(sock: socket.socket, family: int, kind: int) -> tuple[Sock, Any]:
    """`sock.accept()` without its detours, made non-blocking: turning family and type, which the caller knows, into
    enumerations costs as much as the system call.

    `_accept` is what `socket.accept` itself calls; a double that has none is asked in public.
    """
    if type(sock) is not socket.socket:
        made, address = sock.accept()
        made.setblocking(False)
        return connected_socket(made), address
    fd, address = sock._accept()  # type: ignore[attr-defined]  # typeshed lists only what is public
    accepted = (UnixStreamSocket if family == _UNIX else StreamSocket)(family, kind, 0, fd)
    accepted.setblocking(False)
    return accepted, address
