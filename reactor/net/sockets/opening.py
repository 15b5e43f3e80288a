"""Sockets that are opened: to connect, to listen, or accepted.

What the kernel refuses is raised as the OSError that it is.
"""

from __future__ import annotations

import errno
import os
import socket

from ...foreign import shown
from ...hints import TYPE_CHECKING, Any
from .kernel import name_error, os_error
from .sock import StreamSocket, UnixStreamSocket

if TYPE_CHECKING:
    from .addresses import Address
    from .sock import Sock

_UNIX = getattr(socket, "AF_UNIX", None)  # Python on Windows has none
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


def start_connect(system: Any, family: int, raw: Any, address: Address, local: tuple[str, int] | None) -> socket.socket:
    """A socket on its way to `raw`, from `local` if that matters: it is writable once that is decided.

    Raises the OSError of what the kernel refuses at once, its text naming syscall, code and `address`. A Unix
    socket whose backlog is full refuses at once too, with EAGAIN: there is nothing to wait for (connect(2)).
    """
    try:
        sock = stream_socket(system, family)
    except OSError as error:
        raise os_error(error.errno or errno.EIO, "socket", address) from None
    where: tuple[str, Address] = ("connect", address)
    try:
        sock.setblocking(False)
        if local is not None:
            where = ("bind", local)
            _reuse_address(sock)
            sock.bind(local)
            where = ("connect", address)
        code = sock.connect_ex(raw)
        if code and code not in _UNDER_WAY:
            raise OSError(code, "")
    except OSError as error:
        sock.close()
        # A scope that is no interface is an address that is not here.
        code = errno.EADDRNOTAVAIL if isinstance(error, socket.gaierror) else error.errno or errno.EIO
        raise os_error(code, *where) from None
    return sock


def _reuse_address(sock: socket.socket) -> None:
    """A port of ours in TIME_WAIT may be bound again."""
    if os.name == "posix":  # on Windows this option means to steal the port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def listen_tcp(
    system: Any, host: str | None, port: int, backlog: int, *, reuse_port: bool = False, ipv6_only: bool = False
) -> socket.socket:
    """A listening TCP socket. `host` None is both families by one socket, or IPv4 where there is no IPv6.

    Raises the OSError of what the kernel refused, its text naming syscall, code and address.
    """
    family, address = _listen_address(host, port)
    sock = stream_socket(system, family)
    try:
        sock.setblocking(False)
        _reuse_address(sock)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6_only))
        sock.bind(address)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise os_error(error.errno or errno.EIO, "listen", (host or address[0], port)) from None
    return sock


def _listen_address(host: str | None, port: int) -> tuple[socket.AddressFamily, Any]:
    if host is None:
        both = socket.has_dualstack_ipv6()
        return (socket.AF_INET6, ("::", port)) if both else (socket.AF_INET, ("0.0.0.0", port))
    # As bytes if it is plain ASCII with labels that a name can have: text takes the codec `idna`, which would give the
    # same, and takes as long to load as half of this library.
    plain = host.isascii() and all(0 < len(label) < 64 for label in host.split("."))
    name = host.encode() if plain else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise name_error(host, error) from None
    family, _, _, _, address = found[0]
    return family, address


def adopt(sock: Any) -> socket.socket:
    """A socket that listens already, made ready for us. It stays the caller's if it is refused.

    Raises TypeError for what is no socket, ValueError for one that does not listen or is no stream socket.
    """
    if not isinstance(sock, socket.socket):
        raise TypeError(f"sock must be a listening socket, not {shown(sock)}")
    return _adopted(sock, "sock", "a stream socket", sock)


def adopt_descriptor(fd: int) -> socket.socket:
    """The same for a bare descriptor; OSError for one that is no socket at all."""
    sock = socket.socket(fileno=fd)
    try:
        return _adopted(sock, "fd", "the descriptor of a stream socket", fd)
    except BaseException:
        sock.detach()
        raise


def _adopted(sock: socket.socket, name: str, expected: str, value: Any) -> socket.socket:
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"{name} must be {expected}, not {shown(value)}")
    accepting = getattr(socket, "SO_ACCEPTCONN", None)
    if accepting is not None and not sock.getsockopt(socket.SOL_SOCKET, accepting):
        raise ValueError(f"{name} must be listening already (call its listen() first), not {shown(value)}")
    sock.setblocking(False)
    return sock


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
