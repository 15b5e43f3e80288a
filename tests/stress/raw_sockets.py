"""The sockets of the raw clients in this folder: each file `raw_*.py` is a program, and uses nothing of the library."""

from __future__ import annotations

import socket
import struct


def opened(buffer: int = 0, host: str = "") -> socket.socket:
    """A socket that never blocks, bound to a host if one is given; `buffer` is its SO_RCVBUF, 0 the system's."""
    sock = socket.socket()
    if host:
        sock.bind((host, 0))
    return set_up(sock, buffer)


def set_up(sock: socket.socket, buffer: int) -> socket.socket:
    """Keep-alive, because a reset may never be heard: RST is one segment and is not sent again, and Linux drops it in
    silence if it lies beyond the receiver's window, which its sender allows. A receiver with a small buffer
    that has sent FIN and has nothing more to say would wait for ever.
    """
    sock.setblocking(False)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    for option, value in ((socket.TCP_KEEPIDLE, 2), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 5)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return sock


def reset(sock: socket.socket) -> None:
    """Go away with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
