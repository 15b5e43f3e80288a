"""Sockets that the program gives: one that listens, for a server, or one that is connected, for `adopt`.

All checks come before the first change: a socket that is refused is the caller's, as it was. What is refused is what
cannot work: bytes that are not those of the descriptor (`ssl.SSLSocket`), no stream, neither TCP nor Unix, closed, or
in the wrong state. What the network may have done to a connected socket meanwhile is no reason to refuse it: that is
told as of any connection.
"""

from __future__ import annotations

import errno
import socket

from ... import arguments
from ...foreign import shown as told
from ...hints import TYPE_CHECKING, Any
from .addresses import address_of
from .opening import connected_socket

if TYPE_CHECKING:
    from collections.abc import Container

    from .addresses import Address
    from .sock import Sock

_FAMILIES = (socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_UNIX", socket.AF_INET))
_KINDS = {
    socket.SOCK_DGRAM: "a datagram socket",
    getattr(socket, "SOCK_SEQPACKET", None): "a socket of packets",
    getattr(socket, "SOCK_RAW", None): "a raw socket",
}
_SO_ACCEPTCONN = getattr(socket, "SO_ACCEPTCONN", None)
_SO_PEERNAME = 28  # Linux, asm-generic/socket.h; getpeername(2) that answers after a reset too
_SOCKADDR, _SOCKADDR_IN6 = 16, 28  # bytes; the kernel wants the exact length
_TCP_SYN_SENT = 2  # include/net/tcp_states.h


def listening_socket(sock: Any, in_use: Container[int]) -> socket.socket:
    """The socket of the program, ready for an acceptor; not one of the descriptors that the reactor has in use. Raises
    TypeError and ValueError for what cannot listen.
    """
    found = _stream("sock", sock, "a listening socket", "its accept() would stop the loop for each TLS handshake")
    _check_listening("sock", found, sock)
    _check_unused("sock", found.fileno(), sock, in_use)
    found.setblocking(False)
    return found


def listening_descriptor(fd: int, in_use: Container[int]) -> socket.socket:
    """The same for a bare descriptor; OSError for one that is no socket at all."""
    expected = "fd must be the descriptor of a listening socket"
    try:
        kind = arguments.kind_of_file(fd)
    except OSError:
        raise OSError(errno.EBADF, f"{expected}, not {fd}, which is not open") from None
    if kind != "a socket":
        raise OSError(errno.ENOTSOCK, f"{expected}, not {fd}, {kind}")
    sock = socket.socket(fileno=fd)
    try:
        _check_kind("fd", sock, fd)
        _check_listening("fd", sock, fd)
        _check_unused("fd", fd, fd, in_use)
    except BaseException:
        sock.detach()
        raise
    sock.setblocking(False)
    return sock


def check_connected(sock: Any, in_use: Container[int]) -> Address:
    """Where the peer of a connected socket is. Raises TypeError and ValueError for what is no connected socket, and for
    one that the reactor has in use.
    """
    found = _stream("sock", sock, "a connected socket", "its bytes are encrypted above the descriptor")
    if _listens(found):
        raise ValueError(f"sock must be connected, not listening: Server.listen(sock=) takes {told(sock)}")
    remote = _peer_of(found)
    if remote is None:
        raise ValueError(f"sock must be connected, which {told(sock)} is not")
    _check_unused("sock", found.fileno(), sock, in_use)
    return remote


def taken_over(system: Any, sock: socket.socket) -> Sock:
    """A connected socket as a connection needs it, non-blocking. The object of the program has none any more; a double
    of a simulated kernel is taken as it is.
    """
    sock.setblocking(False)
    if system is not None:
        made: Sock = connected_socket(sock)
        return made
    return connected_socket(socket.socket(sock.family, sock.type, sock.proto, fileno=sock.detach()))


def _stream(name: str, sock: Any, expected: str, no_tls: str) -> socket.socket:
    if not isinstance(sock, socket.socket):
        raise TypeError(f"{name} must be {expected}, not {told(sock)}")
    arguments.no_tls(name, sock, no_tls)
    if sock.fileno() < 0:
        raise ValueError(f"{name} must be open, not {told(sock)}")
    _check_kind(name, sock, sock)
    return sock


def _check_kind(name: str, sock: socket.socket, shown: Any) -> None:
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"{name} must be a stream socket, not {told(shown)}, {_KINDS.get(sock.type, 'another kind')}")
    if sock.family not in _FAMILIES:
        raise ValueError(f"{name} must be a TCP or Unix socket, not {told(shown)} of {sock.family!r}")


def _check_listening(name: str, sock: socket.socket, shown: Any) -> None:
    if _SO_ACCEPTCONN is not None and not _listens(sock):
        raise ValueError(f"{name} must be listening already (call its listen() first), not {told(shown)}")


def _check_unused(name: str, fd: int, shown: Any, in_use: Container[int]) -> None:
    if fd in in_use:
        raise ValueError(
            f"{name} must not be in use on this reactor, as {told(shown)} is by a server, a client or watch()"
        )


def _listens(sock: socket.socket) -> bool:
    return _SO_ACCEPTCONN is not None and bool(sock.getsockopt(socket.SOL_SOCKET, _SO_ACCEPTCONN))


def _peer_of(sock: socket.socket) -> Address | None:
    """Where its peer is, also if that has reset it; None if it is not connected, or still connecting."""
    six = sock.family == socket.AF_INET6
    try:
        return address_of(sock.getpeername())
    except OSError:
        pass
    try:
        if sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_SYN_SENT:
            return None
        raw = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERNAME, _SOCKADDR_IN6 if six else _SOCKADDR)
    except (AttributeError, OSError):  # another system, or never connected
        return None
    host = raw[8:24] if six else raw[4:8]
    return socket.inet_ntop(sock.family, host), int.from_bytes(raw[2:4], "big")
